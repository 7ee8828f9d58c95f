import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { fromBinary, toJson } from '@bufbuild/protobuf';
import { expect, test } from '@jest/globals';
import { RouteConfigurationSchema } from '@isthmus/proto/envoy';
import { typeRegistry } from '@isthmus/proto/type-registry';
import { parse, stringify } from 'yaml';
import { routeScope } from '../testing/route-scope.ts';
import type { MeshSketch } from '../testing/route-scope.ts';
import { gatewayRouteResource } from './gateway-route.ts';
import { grpcRouteResource } from './grpc-route.ts';
import { sidecarRouteResource } from './sidecar-routes.ts';

// testdata/routes/in/<case>.yaml -> testdata/routes/out/<case>.yaml; UPDATE_GOLDENS=1 writes them and deletes orphans.
const input = new URL('../../testdata/routes/in/', import.meta.url);
const output = new URL('../../testdata/routes/out/', import.meta.url);
const update = process.env['UPDATE_GOLDENS'] === '1';
const cases = readdirSync(input);

if (update) {
  mkdirSync(output, { recursive: true });
  for (const file of readdirSync(output)) if (!cases.includes(file)) rmSync(new URL(file, output));
}

test.each(cases)('%s gives the routes that are on file', (file) => {
  const sketch = parse(readFileSync(new URL(file, input), 'utf8')) as MeshSketch & { readonly routes: readonly string[] };
  const text = stringify(
    sketch.routes.map((name) => routeOf(sketch, name)),
    { lineWidth: 0, aliasDuplicateObjects: false },
  );
  const golden = new URL(file, output);
  if (update) writeFileSync(golden, text);
  expect(existsSync(golden)).toBe(true);
  expect(text).toBe(readFileSync(golden, 'utf8'));
});

test('no file in testdata/routes/out is without its input', () => {
  expect(readdirSync(output).sort()).toEqual([...cases].sort());
});

function routeOf(sketch: MeshSketch, name: string): unknown {
  const scope = routeScope(sketch);
  const resource = scope.proxy.grpc
    ? grpcRouteResource(scope, name)
    : scope.proxy.kind === 'router'
      ? gatewayRouteResource(scope, name, sketch.servers?.[name] ?? [])
      : sidecarRouteResource(scope, name);
  if (resource === undefined) return undefined;
  expect(resource.name).toBe(name);
  return toJson(RouteConfigurationSchema, fromBinary(RouteConfigurationSchema, resource.bytes), { registry: typeRegistry });
}
