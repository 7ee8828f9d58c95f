import { MemoryLedger } from '@isthmus/ledger';
import { endpointKey, takesTraffic } from '@isthmus/model';
import type { Endpoint, Health, SourceStatus } from '@isthmus/model';
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { DEFAULT_GUARD } from './removal-guard.ts';
import { endpoint, record, snapshotOf, upsert } from './testing/records.ts';
import { WatchedCatalog } from './testing/watched-catalog.ts';

/** Small enough for sequences to reach it. */
const GUARD = { ...DEFAULT_GUARD, minEndpoints: 3, flap: { ...DEFAULT_GUARD.flap, count: 0 } };
const NAMES = ['p', 'q', 'r'] as const;

const PARTIAL: SourceStatus = { state: 'partial', cause: 'a test' };

type Listing = readonly (readonly [port: number, health: Health, weight: number])[];
type Step =
  | { readonly do: 'read'; readonly of: readonly Listing[] }
  | { readonly do: 'upsert'; readonly name: number; readonly of: Listing }
  | { readonly do: 'live' | 'partial' | 'stale' | 'restart' | 'release' }
  | { readonly do: 'wait'; readonly seconds: number };

const listing: fc.Arbitrary<Listing> = fc.uniqueArray(
  fc.tuple(
    fc.integer({ min: 1, max: 6 }),
    fc.constantFrom<Health>('healthy', 'healthy', 'unhealthy', 'unhealthy', 'disabled'),
    fc.constantFrom(1, 1, 1, 0),
  ),
  { maxLength: 6, selector: ([port]) => port },
);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ do: fc.constant('read' as const), of: fc.tuple(listing, listing, listing) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('upsert' as const), name: fc.nat(2), of: listing }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('wait' as const), seconds: fc.integer({ min: 1, max: 40 }) }) },
  {
    weight: 2,
    arbitrary: fc
      .constantFrom<'live' | 'partial' | 'stale' | 'restart' | 'release'>('live', 'partial', 'stale', 'restart', 'release')
      .map((what): Step => ({ do: what })),
  },
);

const service = (name: number, of: Listing) =>
  record(
    NAMES[name]!,
    of.map(([port, health, weight]) => endpoint({ port, health, weight })).sort((a, b) => a.port - b.port),
  );

function run(world: WatchedCatalog, next: Step): void {
  if (next.do === 'read') world.say(snapshotOf(next.of.map((of, name) => service(name, of))));
  else if (next.do === 'upsert') world.say(upsert(service(next.name, next.of)));
  else if (next.do === 'live') world.status({ state: 'live' });
  else if (next.do === 'partial') world.status(PARTIAL);
  else if (next.do === 'stale') world.status({ state: 'stale', since: world.clock.time, cause: 'refused' });
  else if (next.do === 'wait') world.wait(next.seconds * 1_000);
  else if (next.do === 'restart') world.restart();
  else world.catalog.release('a/ns/g');
}

const scopeOfWorld = ({ catalog }: WatchedCatalog) => catalog.scopeById('a/ns/g');
const byKey = (endpoints: readonly Endpoint[] = []) => new Map(endpoints.map((one) => [endpointKey(one), one]));

/** What holds whatever came before. */
function check(world: WatchedCatalog, holds: boolean): void {
  const scope = scopeOfWorld(world);
  let [well, unhealthy, held] = [0, 0, 0];
  for (const { record: published, said, retained } of scope?.records.values() ?? []) {
    const listed = byKey(said?.endpoints);
    const keys = published.endpoints.map(endpointKey);
    expect(keys).toEqual([...new Set(keys)].sort());
    for (const one of published.endpoints) {
      const now = listed.get(endpointKey(one));
      const waits = retained.get(endpointKey(one));
      if (takesTraffic(one)) well += 1;
      if (waits !== undefined) held += 1;
      if (waits?.listed === true) unhealthy += 1;
      // Never worse than its registry says, and better for a reason only.
      if (now !== undefined && waits === undefined) expect(one).toEqual(now);
      if (waits !== undefined) expect([one, waits.why]).toEqual([waits.endpoint, 'mass']);
      if (waits !== undefined && now !== undefined)
        expect([holds, now.health, takesTraffic(one)]).toEqual([true, 'unhealthy', true]);
      expect(waits?.listed === true).toBe(waits !== undefined && now !== undefined);
    }
    for (const key of listed.keys()) expect(keys).toContain(key);
  }
  expect([scope?.well ?? 0, scope?.unhealthy ?? 0]).toEqual([well, unhealthy]);
  expect([scope?.held?.removing ?? 0, scope?.held?.unhealthy ?? 0]).toEqual([held, unhealthy]);
}

test.each([true, false])('health is published as the registry says, or held among many; holdUnhealthy: %s', (holdUnhealthy) => {
  let held = 0;
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 25 }), (steps) => {
      const world = new WatchedCatalog(new MemoryLedger(), { guard: { ...GUARD, holdUnhealthy } });
      world.status({ state: 'live' });
      for (const next of steps) {
        run(world, next);
        check(world, holdUnhealthy);
        held += scopeOfWorld(world)?.unhealthy ?? 0;
      }
      // A registry that says the same for long enough is believed: what it names also where a part of it cannot be read.
      world.status(PARTIAL).wait(GUARD.confirmAfterMs + 1_000);
      check(world, holdUnhealthy);
      expect(scopeOfWorld(world)?.unhealthy ?? 0).toBe(0);
      world.status({ state: 'live' }).wait(GUARD.confirmAfterMs + 1_000);
      check(world, holdUnhealthy);
      expect(scopeOfWorld(world)?.held).toBeUndefined();
      for (const { record: published, said } of scopeOfWorld(world)?.records.values() ?? [])
        expect(published.endpoints).toEqual(said?.endpoints);
    }),
    { numRuns: 100 },
  );
  expect(held > 0).toBe(holdUnhealthy);
});
