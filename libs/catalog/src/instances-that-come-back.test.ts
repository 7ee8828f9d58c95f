import { MemoryLedger } from '@isthmus/ledger';
import { describe, expect, test } from '@jest/globals';
import { DEFAULT_GUARD } from './removal-guard.ts';
import { endpoint, record, service, snapshotOf, upsert } from './testing/records.ts';
import { WatchedCatalog } from './testing/watched-catalog.ts';
import type { WatchedOptions } from './testing/watched-catalog.ts';

const make = (options?: WatchedOptions) => new WatchedCatalog(new MemoryLedger(), options);

describe('an instance that comes and goes', () => {
  const both = service('orders', [1, 2]);
  const one = service('orders', [1]);
  const flaps = (made: WatchedCatalog, times: number) => {
    for (let n = 0; n < times; n += 1) made.say(upsert(one)).wait(2_000).say(upsert(both)).wait(2_000);
  };

  test('goes at once the first two times, and later from the third on', () => {
    const made = make()
      .say(snapshotOf([both]))
      .status({ state: 'live' });
    flaps(made, 2);
    made.say(upsert(one));
    expect(made.ports('orders')).toEqual([1, 2]);
    expect(made.scope.retained).toEqual({ mass: 0, outage: 0, flap: 1 });
    made.wait(9_000);
    expect(made.ports('orders')).toEqual([1, 2]);
    made.wait(1_000);
    expect(made.ports('orders')).toEqual([1]);
  });

  test('comes back at once, always', () => {
    const made = make()
      .say(snapshotOf([both]))
      .status({ state: 'live' });
    flaps(made, 12);
    made.wait(120_000).say(upsert(one)).wait(61_000);
    expect(made.ports('orders')).toEqual([1]);
    made.say(upsert(both));
    expect(made.ports('orders')).toEqual([1, 2]);
  });

  test('is kept a minute at most, and is believed again when it was quiet for long', () => {
    const made = make()
      .say(snapshotOf([both]))
      .status({ state: 'live' });
    flaps(made, 12);
    made.say(upsert(one)).wait(59_000);
    expect(made.ports('orders')).toEqual([1, 2]);
    made.wait(1_000);
    expect(made.ports('orders')).toEqual([1]);
    made.say(upsert(both)).wait(1_500_000).say(upsert(one));
    expect(made.ports('orders')).toEqual([1]);
  });

  test('gets nothing while it is unhealthy, however often it was so', () => {
    const made = make()
      .say(snapshotOf([both]))
      .status({ state: 'live' });
    const sick = record('orders', [endpoint({ port: 1 }), endpoint({ port: 2, health: 'unhealthy' })]);
    for (let n = 0; n < 10; n += 1) made.say(upsert(sick)).say(upsert(both));
    made.say(upsert(sick));
    const { record: published } = [...made.scope.records.values()][0] ?? {};
    expect(published?.endpoints.map((e) => e.health)).toEqual(['healthy', 'unhealthy']);
  });

  test('is known as such over a change of the config, as that one says', () => {
    const made = make()
      .say(snapshotOf([both]))
      .status({ state: 'live' });
    flaps(made, 2);
    made.reconfigure({ guard: { flap: { ...DEFAULT_GUARD.flap, delayMs: 5_000 } } });
    made.say(snapshotOf([both])).status({ state: 'live' });
    made.say(upsert(one)).wait(4_000);
    expect([made.ports('orders'), made.scope.retained.flap]).toEqual([[1, 2], 1]);
    made.wait(1_000);
    expect(made.ports('orders')).toEqual([1]);
  });

  test('is forgotten with its registry when that leaves the config', () => {
    const made = make()
      .say(snapshotOf([both]))
      .status({ state: 'live' });
    flaps(made, 2);
    made.reconfigure({}, () => false).reconfigure();
    made.say(snapshotOf([both])).status({ state: 'live' });
    made.say(upsert(one));
    expect(made.ports('orders')).toEqual([1]);
  });

  test('is not damped where the config says so', () => {
    const made = make({ guard: { flap: { count: 0, halfLifeMs: 1, delayMs: 1, maxDelayMs: 1 } } }).say(snapshotOf([both]));
    flaps(made, 20);
    made.say(upsert(one));
    expect(made.ports('orders')).toEqual([1]);
  });
});

describe('a registration that is over', () => {
  const numbered = (ports: Readonly<Record<number, number>>) =>
    record(
      'orders',
      Object.entries(ports).map(([port, incarnation]) => endpoint({ port: Number(port), incarnation })),
    );

  test('is not brought back by an older view of it, and is by a new registration', () => {
    const made = make()
      .say(snapshotOf([numbered({ 1: 10, 2: 10 })]))
      .status({ state: 'live' });
    made.say(upsert(numbered({ 1: 10 })), upsert(numbered({ 1: 10, 2: 10 })));
    expect(made.ports('orders')).toEqual([1]);
    expect([...made.scope.records.values()][0]?.refused).toMatchObject([{ endpoint: { port: 2 } }]);
    made.say(upsert(numbered({ 1: 10, 2: 11 })));
    expect(made.ports('orders')).toEqual([1, 2]);
  });

  test('is remembered over a restart, for 90 s', () => {
    const made = make()
      .say(snapshotOf([numbered({ 1: 10, 2: 10 })]))
      .status({ state: 'live' });
    made
      .say(upsert(numbered({ 1: 10 })))
      .restart()
      .say(snapshotOf([numbered({ 1: 10, 2: 10 })]));
    expect(made.ports('orders')).toEqual([1]);
    made.wait(89_000);
    expect(made.ports('orders')).toEqual([1]);
    made.wait(1_000);
    expect(made.ports('orders')).toEqual([1, 2]);
    expect(made.catalog.waits).toBe(false);
  });

  test('is let in all the same when nothing else would take traffic', () => {
    const made = make()
      .say(snapshotOf([numbered({ 1: 10 })]))
      .say(upsert(numbered({})), upsert(numbered({ 1: 10 })));
    expect(made.ports('orders')).toEqual([1]);
  });

  test('that was held, not believed, may come back as it was', () => {
    const many = numbered(Object.fromEntries(Array.from({ length: 12 }, (_, n) => [n + 1, 10])));
    const made = make()
      .say(snapshotOf([many]))
      .status({ state: 'live' })
      .say(snapshotOf([]))
      .wait(31_000);
    expect(made.ports('orders')).toEqual([]);
    made.say(snapshotOf([many]));
    expect(made.ports('orders')).toHaveLength(12);
  });

  test('without a number cannot be told from a new one, so that whoever is listed is believed', () => {
    const made = make().say(snapshotOf([service('orders', [1, 2])]), upsert(service('orders', [1])));
    made.say(upsert(service('orders', [1, 2])));
    expect(made.ports('orders')).toEqual([1, 2]);
  });
});
