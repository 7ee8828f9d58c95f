import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { Catalog, DEFAULT_GUARD, DEFAULT_RULES } from '@isthmus/catalog';
import { MemoryLedger } from '@isthmus/ledger';
import { objectKey } from '@isthmus/model';
import type { MeshObject, ServiceRecord } from '@isthmus/model';
import { buildRecord } from '@isthmus/registry';
import { istioObjects } from '@isthmus/translate';
import fc from 'fast-check';
import { parseAllDocuments } from 'yaml';
import { istioVerdicts } from './istio-validator.ts';
import type { Verdict } from './istio-validator.ts';
import { oddService } from './odd-services.ts';

// Istio's own validation (istio.io/istio/pkg/config/validation, and its CRDs with their CEL rules) is the judge.
const SEED = Number(process.env['ISTHMUS_SEED'] ?? 20_261_121);
const CASES = 10_000;

/** Objects of `CASES` services, each through the whole line: what a registry said, the record, the merged host, the objects. */
function objectsOfCorpus(): readonly (readonly MeshObject[])[] {
  const cases: (readonly MeshObject[])[] = [];
  // Of many a service nothing is left to publish: those are no cases.
  for (const { key, host, instances, declared } of fc.sample(oddService, { seed: SEED, numRuns: 3 * CASES })) {
    const result = buildRecord(key, host, instances, declared);
    if ('rejected' in result) continue;
    const objects = published(result.record);
    if (objects.length > 0) cases.push(objects);
    if (cases.length === CASES) break;
  }
  return cases;
}

function published(service: ServiceRecord): readonly MeshObject[] {
  const catalog = new Catalog({
    rules: DEFAULT_RULES,
    guard: DEFAULT_GUARD,
    ledger: new MemoryLedger(),
    clock: { now: () => 0 },
    allocateVips: true,
  });
  const hosts = [...catalog.apply({ kind: 'upsert', service })];
  return hosts.flatMap((host) => {
    const merged = catalog.merged(host);
    return merged === undefined ? [] : istioObjects(merged).objects;
  });
}

/** Endpoints as objects of their own: a WorkloadEntry has rules of its own too. */
function workloadEntries(objects: readonly MeshObject[]): readonly MeshObject[] {
  return objects.flatMap(({ apiVersion, metadata, spec }) =>
    ((spec as { endpoints?: readonly unknown[] }).endpoints ?? [])
      .slice(0, 2)
      .map((endpoint) => ({ apiVersion, kind: 'WorkloadEntry', metadata, spec: endpoint })),
  );
}

function rejections(objects: readonly MeshObject[], verdicts: readonly Verdict[]): readonly string[] {
  expect(verdicts).toHaveLength(objects.length);
  return objects.flatMap((object, n) => (verdicts[n] === null ? [] : [`${objectKey(object)}: ${verdicts[n]}`])).slice(0, 20);
}

describe(`${CASES} odd services (ISTHMUS_SEED=${SEED})`, () => {
  let objects: readonly MeshObject[];
  beforeAll(() => {
    const cases = objectsOfCorpus();
    expect(cases).toHaveLength(CASES);
    objects = cases.flat();
  });

  test('make ServiceEntries of which Istio refuses none', async () => {
    expect(objects.some(({ spec }) => ((spec as { endpoints?: readonly unknown[] }).endpoints?.length ?? 0) > 2_000)).toBe(true);
    expect(rejections(objects, await istioVerdicts(objects))).toEqual([]);
  }, 600_000); // the validator may have to be built first

  test('have endpoints of which Istio refuses none as WorkloadEntries', async () => {
    const entries = workloadEntries(objects);
    expect(entries.length).toBeGreaterThan(CASES / 2);
    expect(rejections(entries, await istioVerdicts(entries))).toEqual([]);
  }, 120_000);
});

test('ServiceEntries with wildcard hosts are taken, names of objects and all', async () => {
  const golden = new URL('../../libs/translate/testdata/out/wildcard.se.yaml', import.meta.url);
  const documents = parseAllDocuments(readFileSync(golden, 'utf8')).map((document) => document.toJS() as MeshObject);
  // What was left out stands at the end of the golden, in its last document.
  const entries = documents.map(({ apiVersion, kind, metadata, spec }): MeshObject => ({ apiVersion, kind, metadata, spec }));
  expect(entries).toHaveLength(2);
  for (const { metadata } of entries) expect(metadata.name).toMatch(/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/);
  const specs = entries.map((entry) => (entry as { spec: { hosts: readonly string[] } }).spec.hosts);
  expect(specs).toEqual([['*.example.com'], ['*.shop.example.com']]);
  expect(rejections(entries, await istioVerdicts(entries))).toEqual([]);
}, 120_000);

describe('the judge', () => {
  const good = { hosts: ['a.nacos'], ports: [{ number: 80, name: 'http', protocol: 'HTTP' }], resolution: 'STATIC' };
  const endpoint = { address: '10.0.0.1', ports: { http: 8080 } };
  const object = (spec: unknown): MeshObject => ({
    apiVersion: 'networking.istio.io/v1',
    kind: 'ServiceEntry',
    metadata: { name: 'a', namespace: 'isthmus', labels: {}, annotations: {} },
    spec,
  });

  test('accepts what is right, and says no to what is wrong, with the reason', async () => {
    const bad: readonly (readonly [unknown, string])[] = [
      [{ ...good, hosts: ['a_b'] }, 'a_b'],
      [{ ...good, endpoints: [{ ...endpoint, address: 'vm.internal' }] }, 'not a valid IP'],
      [{ ...good, endpoints: [{ ...endpoint, ports: { other: 1 } }] }, 'not defined by the service entry'],
      [{ ...good, endpoints: [{ ...endpoint, labels: { 'a b': 'x' } }] }, 'a b'],
      [{ ...good, endpoints: [{ ...endpoint, serviceAccount: 's'.repeat(254) }] }, 'may not be'],
      [{ ...good, endpoints: Array.from({ length: 4_097 }, () => endpoint) }, '4096'],
      [{ ...good, unknown: 1 }, 'unknown'],
    ];
    const verdicts = await istioVerdicts([object({ ...good, endpoints: [endpoint] }), ...bad.map(([spec]) => object(spec))]);
    expect(verdicts[0]).toBeNull();
    for (const [n, [, reason]] of bad.entries()) expect(verdicts[n + 1]).toContain(reason);
  }, 60_000);
});
