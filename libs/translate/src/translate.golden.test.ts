import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { fromBinary, toJson } from '@bufbuild/protobuf';
import { describe, expect, test } from '@jest/globals';
import { ClusterLoadAssignmentSchema, ClusterSchema, RouteConfigurationSchema } from '@isthmus/proto/envoy';
import { typeRegistry } from '@isthmus/proto/type-registry';
import { parse, stringify } from 'yaml';
import type { DescMessage } from '@bufbuild/protobuf';
import type { Resource } from '@isthmus/model';
import { clusterResources } from './clusters.ts';
import { endpointResources } from './endpoints.ts';
import { istioYaml } from './istio-objects.ts';
import { EGRESS_ROUTE } from './names.ts';
import { composeRoute } from './route.ts';
import { serviceEntries } from './service-entry.ts';
import { meshService } from './testing/mesh-service.ts';
import { virtualHosts } from './virtual-hosts.ts';
import type { ServiceSketch } from './testing/mesh-service.ts';

// testdata/in/<case>.yaml -> testdata/out/<case>.{cds,eds,rds,se}.yaml; UPDATE_GOLDENS=1 writes them and deletes orphans.
const input = new URL('../testdata/in/', import.meta.url);
const output = new URL('../testdata/out/', import.meta.url);
const update = process.env['UPDATE_GOLDENS'] === '1';
const cases = readdirSync(input).map((file) => file.replace(/\.yaml$/, ''));
const expected = cases.flatMap((name) => ['cds', 'eds', 'rds', 'se'].map((kind) => `${name}.${kind}.yaml`)).sort();

if (update) {
  mkdirSync(output, { recursive: true });
  for (const file of readdirSync(output)) if (!expected.includes(file)) rmSync(new URL(file, output));
}

describe.each(cases)('%s', (name) => {
  const sketches = parse(readFileSync(new URL(`${name}.yaml`, input), 'utf8')) as readonly ServiceSketch[];
  const services = sketches.map(meshService);

  test.each([
    ['cds', () => yaml(ClusterSchema, services.flatMap(clusterResources))],
    ['eds', () => yaml(ClusterLoadAssignmentSchema, services.flatMap(endpointResources))],
    ['rds', () => yaml(RouteConfigurationSchema, [composeRoute(EGRESS_ROUTE, services.flatMap(virtualHosts))])],
    [
      'se',
      () => istioYaml(services) + stringify({ diagnostics: services.flatMap((service) => serviceEntries(service).diagnostics) }),
    ],
  ])('gives the %s that is on file', (kind, actual) => {
    const file = new URL(`${name}.${kind}.yaml`, output);
    const text = actual();
    if (update) writeFileSync(file, text);
    expect(existsSync(file)).toBe(true);
    expect(text).toBe(readFileSync(file, 'utf8'));
  });
});

test('no file in testdata/out is without its input', () => {
  expect(readdirSync(output).sort()).toEqual(expected);
});

function yaml(schema: DescMessage, resources: readonly Resource[]): string {
  const json = resources.map(({ bytes }) => toJson(schema, fromBinary(schema, bytes), { registry: typeRegistry }));
  return stringify(json, { lineWidth: 0, aliasDuplicateObjects: false });
}
