import { MemoryLedger } from '@isthmus/ledger';
import { endpointKey, serviceId } from '@isthmus/model';
import type { LedgerTable, LetGo, MeshHost } from '@isthmus/model';
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { endpoint, record, snapshotOf, upsert } from './testing/records.ts';
import { WatchedCatalog } from './testing/watched-catalog.ts';

const MOST = 150;
const pair = [endpoint({ address: '10.0.0.1' }), endpoint({ address: '10.0.0.2' })];
const all = Array.from({ length: MOST }, (_, i) => record(`s${i}`, pair));
/** Services that a step may let go of; more of them in one turn would hold the event loop. */
const A_STEP = 20;

/** A replica that holds all endpoints of so many services, of which the leader names some: 0 none, 3 both. */
function holding(named: readonly number[]): WatchedCatalog {
  const world = new WatchedCatalog(new MemoryLedger());
  const services = all.slice(0, named.length);
  world.say(snapshotOf(services)).status({ state: 'live' }).say(snapshotOf([]));
  const changes = services.map(({ key }, i) => {
    const keys = pair.filter((_, bit) => ((named[i] ?? 0) & (1 << bit)) !== 0).map(endpointKey);
    const value: LetGo = { endpoints: keys.map((one) => [one, world.clock.now()]) };
    return { table: 'held' as LedgerTable, key: `/${serviceId(key)}`, value };
  });
  const written = changes.filter(({ value }) => value.endpoints.length > 0);
  for (const { table, key, value } of written) world.ledger.put(table, key, value);
  world.clock.time += 1;
  expect(world.catalog.ledgerChanged(written).size).toBe(0); // all of it in the turn in which the store was read
  return world;
}

/** What is published and what is held. */
const state = ({ catalog }: WatchedCatalog) => ({
  published: Object.fromEntries(
    all.flatMap(({ key }) => {
      const known = catalog.recordOf(serviceId(key));
      return known === undefined ? [] : [[key.name, known.record.endpoints.map(endpointKey)]];
    }),
  ),
  held: catalog.scopeById('a/ns/g')?.held?.removing ?? 0,
});

const back = (i: number) => upsert(all[i]!);

const someNamed = fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 6, maxLength: MOST });
const someBack = fc.array(fc.tuple(fc.nat(12), fc.nat(MOST - 1)), { maxLength: 6 });

test('what the leader names goes in steps of bounded work, whatever comes back between two: the result is that of one turn', () => {
  fc.assert(
    fc.property(someNamed, someBack, (named, events) => {
      const comeBack = events.filter(([, i]) => i < named.length);
      const atOnce = holding(named);
      atOnce.catalog.confirmDue();
      for (const [, i] of comeBack) atOnce.say(back(i));

      const inSteps = holding(named);
      const dirty = new Set<MeshHost>();
      const steps = inSteps.catalog.confirmSteps(dirty);
      for (let step = 0, before = 0; steps.next().done !== true; step += 1, before = dirty.size) {
        expect(dirty.size - before).toBeLessThanOrEqual(A_STEP);
        for (const [at, i] of comeBack) if (at === step) inSteps.say(back(i));
      }
      for (const [, i] of comeBack) inSteps.say(back(i));
      expect(state(inSteps)).toEqual(state(atOnce));

      const isBack = new Set(comeBack.map(([, i]) => i));
      for (const [i, bits] of named.entries()) {
        const left = isBack.has(i) ? pair : pair.filter((_, bit) => (bits & (1 << bit)) === 0);
        expect(state(inSteps).published[`s${i}`] ?? []).toEqual(left.map(endpointKey));
      }
    }),
    { numRuns: 60 },
  );
});
