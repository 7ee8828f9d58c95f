import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { fromBinary, toJson } from '@bufbuild/protobuf';
import { expect, test } from '@jest/globals';
import { ClusterLoadAssignmentSchema, ClusterSchema } from '@isthmus/proto/envoy';
import { typeRegistry } from '@isthmus/proto/type-registry';
import { parse, stringify } from 'yaml';
import type { DescMessage, JsonValue } from '@bufbuild/protobuf';
import type { Resource } from '@isthmus/model';
import { clustersOf } from './clusters.ts';
import { endpointsOf } from './endpoints.ts';
import { meshService } from './testing/mesh-service.ts';
import { proxyOf, ruleOf } from './testing/sketches.ts';
import type { ServiceSketch } from './testing/mesh-service.ts';
import type { ProxySketch } from './testing/sketches.ts';

// testdata/rules/in/<case>.yaml -> testdata/rules/out/<case>.yaml; UPDATE_GOLDENS=1 writes them and deletes orphans.
const input = new URL('../testdata/rules/in/', import.meta.url);
const output = new URL('../testdata/rules/out/', import.meta.url);
const update = process.env['UPDATE_GOLDENS'] === '1';
const cases = readdirSync(input).sort();

interface Case {
  readonly services: readonly ServiceSketch[];
  readonly rule: JsonValue;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly proxies?: readonly ProxySketch[];
  readonly unhealthy?: 'send';
}

if (update) {
  mkdirSync(output, { recursive: true });
  for (const file of readdirSync(output)) if (!cases.includes(file)) rmSync(new URL(file, output));
}

test.each(cases)('%s gives what is on file', (file) => {
  const { services, rule, annotations, unhealthy, proxies = [{}] } = parse(readFileSync(new URL(file, input), 'utf8')) as Case;
  const made = services.map(meshService);
  const applied = ruleOf(durationsInSeconds(rule), annotations);
  const text = stringify(
    proxies.map((sketch) => {
      const proxy = proxyOf(sketch);
      return {
        seenBy: sketch,
        clusters: json(
          ClusterSchema,
          made.flatMap((service) => clustersOf(service, applied, proxy, { unhealthy })),
        ),
        endpoints: json(
          ClusterLoadAssignmentSchema,
          made.flatMap((service) => endpointsOf(service, applied, proxy, { unhealthy })),
        ),
      };
    }),
    { lineWidth: 0, aliasDuplicateObjects: false },
  );
  const golden = new URL(file, output);
  if (update) writeFileSync(golden, text);
  expect(existsSync(golden)).toBe(true);
  expect(text).toBe(readFileSync(golden, 'utf8'));
});

test('no file in testdata/rules/out is without its input', () => {
  expect(readdirSync(output).sort()).toEqual(cases);
});

function json(schema: DescMessage, resources: readonly Resource[]): readonly JsonValue[] {
  return resources.map(({ bytes }) => toJson(schema, fromBinary(schema, bytes), { registry: typeRegistry }));
}

/** Istio's files say `5m`, protobuf's JSON says `300s`; in the bridge the policy library turns one into the other. */
function durationsInSeconds(value: JsonValue): JsonValue {
  return JSON.parse(JSON.stringify(value).replace(/:"(\d+)m"/g, (_, minutes) => `:"${Number(minutes) * 60}s"`)) as JsonValue;
}
