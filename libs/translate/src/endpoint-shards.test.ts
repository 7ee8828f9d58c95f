import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { Endpoint } from '@isthmus/model';
import { MOST_ENDPOINTS, endpointShards } from './endpoint-shards.ts';
import { serviceEntryResources } from './service-entry-resource.ts';
import { serviceEntries } from './service-entry.ts';
import { meshService } from './testing/mesh-service.ts';

const addressOf = (n: number): string => `10.${(n >> 16) & 255}.${(n >> 8) & 255}.${n & 255}`;
const service = (count: number, labels: Record<string, string> = {}) =>
  meshService({
    host: 'huge.nacos',
    endpoints: Array.from({ length: count }, (_, n) => ({ address: addressOf(n), labels })),
  });
const endpointsOf = (addresses: readonly string[]): readonly Endpoint[] =>
  meshService({ host: 'a.nacos', endpoints: addresses.map((address) => ({ address })) }).endpoints.map((e) => e.endpoint);
const shape = (count: number) => serviceEntries(service(count)).entries.map(({ name, spec }) => [name, spec.endpoints.length]);

test('a service of up to 4,096 endpoints is one ServiceEntry with its usual name, one without endpoints too', () => {
  expect(shape(0)).toEqual([['huge.nacos', 0]]);
  expect(shape(MOST_ENDPOINTS)).toEqual([['huge.nacos', 4096]]);
});

test('a larger one is several, of which the first keeps the name, and says nothing of a limit', () => {
  expect(shape(10_000)).toEqual([
    ['huge.nacos', 2500],
    ['huge.nacos.shard-01', 2500],
    ['huge.nacos.shard-1', 2500],
    ['huge.nacos.shard-11', 2500],
  ]);
  expect(serviceEntries(service(10_000)).diagnostics).toEqual([]);
});

test('a change of one of 10,000 endpoints changes one object', () => {
  const before = service(10_000);
  const [first, ...rest] = before.endpoints;
  if (first === undefined) throw new Error('no endpoint');
  const after = { ...before, endpoints: [{ ...first, endpoint: { ...first.endpoint, weight: 0.5 } }, ...rest] };
  const versions = (one: typeof before) => new Map(serviceEntryResources(one).resources.map((r) => [r.name, r.version]));
  const [old, now] = [versions(before), versions(after)];
  expect([...now].filter(([name, version]) => old.get(name) !== version)).toHaveLength(1);
  expect([...old.keys()]).toEqual([...now.keys()]);
});

test('endpoints with long labels are split by their size, below what etcd takes in a request', () => {
  const labels = Object.fromEntries(Array.from({ length: 40 }, (_, n) => [`label-${n}`, 'x'.repeat(63)]));
  const { entries } = serviceEntries(service(2_000, labels));
  expect(entries.length).toBeGreaterThan(1);
  for (const { spec } of entries) expect(JSON.stringify(spec.endpoints).length).toBeLessThan(1_572_864);
});

test('many instances of one address stay together while they fit', () => {
  const one = endpointsOf(Array.from({ length: 6 }, () => '10.0.0.1')).map((e, n) => ({ ...e, port: 8000 + n }));
  const others = endpointsOf(Array.from({ length: 40 }, (_, n) => addressOf(n + 10)));
  const shards = endpointShards([...one, ...others], 16);
  expect(shards.filter(({ endpoints }) => endpoints.some((e) => e.address === '10.0.0.1'))).toHaveLength(1);
  expect(endpointShards(one, 4).every(({ endpoints }) => endpoints.length <= 4)).toBe(true);
});

const addresses = fc.uniqueArray(fc.nat({ max: 0xff_ffff }), { maxLength: 300 }).map((list) => list.map(addressOf));

test('whatever the endpoints: each is in one shard, in order, and no shard is too large or without need', () => {
  fc.assert(
    fc.property(addresses, (list) => {
      const endpoints = endpointsOf(list);
      const shards = endpointShards(endpoints, 16);
      expect(shards.flatMap((shard) => shard.endpoints).toSorted(byPlace(endpoints))).toEqual(endpoints);
      for (const shard of shards) {
        expect(shard.endpoints.length).toBeLessThanOrEqual(16);
        expect(shard.endpoints).toEqual(shard.endpoints.toSorted(byPlace(endpoints)));
      }
      expect(new Set(shards.map((shard) => shard.id)).size).toBe(shards.length);
      if (endpoints.length <= 16) expect(shards.map((shard) => shard.id)).toEqual(['']);
    }),
  );
});

test('whatever comes or goes: one shard is touched, or those of one split or join', () => {
  fc.assert(
    fc.property(addresses, fc.nat({ max: 0xff_ffff }), (list, extra) => {
      const added = addressOf(extra);
      fc.pre(!list.includes(added));
      const before = new Map(endpointShards(endpointsOf(list), 16).map((s) => [s.id, s.endpoints.map((e) => e.address).join()]));
      const after = endpointShards(endpointsOf([...list, added]), 16);
      const same = after.filter((s) => before.get(s.id) === s.endpoints.map((e) => e.address).join());
      const touched = after.length - same.length;
      expect(touched).toBeLessThanOrEqual(after.length === before.size ? 1 : 2);
      expect(before.size - same.length).toBeLessThanOrEqual(1);
    }),
  );
});

test('the shard of an endpoint does not depend on the order in which endpoints come', () => {
  fc.assert(
    fc.property(addresses, (list) => {
      const ids = (endpoints: readonly Endpoint[]) =>
        endpointShards(endpoints, 16)
          .flatMap(({ id, endpoints: members }) => members.map((e) => `${e.address} ${id}`))
          .sort();
      expect(ids(endpointsOf(list.toReversed()))).toEqual(ids(endpointsOf(list)));
    }),
  );
});

function byPlace(endpoints: readonly Endpoint[]): (a: Endpoint, b: Endpoint) => number {
  const place = new Map(endpoints.map((endpoint, n) => [endpoint, n]));
  return (a, b) => (place.get(a) ?? 0) - (place.get(b) ?? 0);
}
