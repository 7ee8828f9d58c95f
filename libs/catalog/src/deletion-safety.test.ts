import { MemoryLedger } from '@isthmus/ledger';
import { describe, expect, test } from '@jest/globals';
import type { ServiceRecord } from '@isthmus/model';
import { endpoint, record, service, snapshotOf, upsert } from './testing/records.ts';
import { WatchedCatalog } from './testing/watched-catalog.ts';
import type { WatchedOptions } from './testing/watched-catalog.ts';

const make = (options?: WatchedOptions) => new WatchedCatalog(new MemoryLedger(), options);
/** Twenty services of one endpoint each. */
const twenty = Array.from({ length: 20 }, (_, n) => service(`s${n}`, [8000 + n]));
const alive = (made: WatchedCatalog) => twenty.filter(({ key }) => made.ports(key.name).length > 0).length;

describe('removals one by one', () => {
  test('are held from the one on that would leave less than half of what there was within a minute', () => {
    const made = make().say(snapshotOf(twenty)).status({ state: 'live' });
    for (let n = 0; n < 16; n += 1) made.remove(`s${n}`).wait(100);
    expect(alive(made)).toBe(10);
    expect(made.scope.held).toMatchObject({ removing: 6, of: 10 });
    made.wait(30_000);
    expect(alive(made)).toBe(4);
    expect(made.scope.held).toBeUndefined();
  });

  test('are slow attrition when each comes minutes after the other, and go at once', () => {
    const made = make().say(snapshotOf(twenty)).status({ state: 'live' });
    for (let n = 0; n < 16; n += 1) {
      made.remove(`s${n}`).wait(20_000);
      expect(alive(made)).toBe(19 - n);
    }
  });

  test('are a rolling replacement, and go at once, when others come for those that go', () => {
    const made = make().say(snapshotOf(twenty)).status({ state: 'live' });
    for (let n = 0; n < 20; n += 1) {
      made.say(upsert(service(`s${n}`, [9000 + n])));
      expect(made.ports(`s${n}`)).toEqual([9000 + n]);
    }
    expect(made.scope.held).toBeUndefined();
  });

  test('that were held are forgotten one by one as they come back', () => {
    const made = make().say(snapshotOf(twenty)).status({ state: 'live' });
    for (let n = 0; n < 20; n += 1) made.remove(`s${n}`);
    expect(made.scope.held).toMatchObject({ removing: 10, of: 10 });
    for (const r of twenty) made.say(upsert(r));
    expect(made.scope.held).toBeUndefined();
    made.wait(60_000);
    expect(alive(made)).toBe(20);
  });

  test('of one service take all of its endpoints at once when its scope keeps most: it was undeployed', () => {
    const made = make()
      .say(snapshotOf([...twenty, service('big', [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])]))
      .status({ state: 'live' });
    made.say(upsert(service('big', [])));
    expect(made.ports('big')).toEqual([]);
    expect(alive(made)).toBe(20);
  });

  test('of a held service let in what is new in it at once', () => {
    const made = make()
      .say(snapshotOf([service('big', [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])]))
      .status({ state: 'live' });
    made.say(upsert(service('big', [77])));
    expect(made.ports('big')).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 77]);
    made.wait(30_000);
    expect(made.ports('big')).toEqual([77]);
  });
});

describe('a complete read', () => {
  test('that empties a small scope of several services is held: an empty registry was restarted nearly always', () => {
    const made = make()
      .say(snapshotOf([service('orders', [1]), service('stock', [2])]))
      .status({ state: 'live' });
    made.say(snapshotOf([]));
    expect([made.ports('orders'), made.ports('stock')]).toEqual([[1], [2]]);
    expect(made.scope.held).toMatchObject({ removing: 2, of: 2 });
    expect(made.scope.emptySince).toBe(made.clock.time);
    made.wait(30_000);
    expect([made.ports('orders'), made.ports('stock')]).toEqual([[], []]);
  });

  test('that takes the only service of a small scope is not', () => {
    const made = make().say(snapshotOf([service('orders', [1, 2])]), snapshotOf([]));
    expect(made.ports('orders')).toEqual([]);
  });

  test('is held when it is the second of two that each take a little less than half', () => {
    const made = make().say(snapshotOf(twenty), snapshotOf(twenty.slice(0, 11)));
    expect(alive(made)).toBe(11);
    made.say(snapshotOf(twenty.slice(0, 6)));
    expect(alive(made)).toBe(11);
  });

  test('that brings back what was held, one by one, loses none of it on the way, and the rest goes in its time', () => {
    const made = make().say(snapshotOf(twenty)).status({ state: 'live' }).say(snapshotOf([]));
    for (let back = 1; back <= 18; back += 1) expect(alive(made.say(snapshotOf(twenty.slice(0, back))))).toBe(20);
    expect(made.scope.held).toMatchObject({ removing: 2 });
    made.wait(31_000);
    expect(alive(made)).toBe(18);
    expect(made.scope.held).toBeUndefined();
  });

  test('confirms only what it and the one before agree on', () => {
    const sixty = Array.from({ length: 60 }, (_, n) => service(`s${n}`, [8000 + n]));
    const left = () => sixty.filter(({ key }) => made.ports(key.name).length > 0).length;
    const made = make()
      .say(snapshotOf(sixty))
      .status({ state: 'live' })
      .say(snapshotOf(sixty.slice(0, 25)));
    made.wait(20_000).say(snapshotOf(sixty.slice(0, 5)));
    made.wait(10_000).say(snapshotOf(sixty.slice(0, 5)));
    expect(left()).toBe(25);
    made.wait(20_000).say(snapshotOf(sixty.slice(0, 5)));
    expect(left()).toBe(5);
  });
});

describe('what is held', () => {
  const held = () => make().say(snapshotOf(twenty)).status({ state: 'live' }).say(snapshotOf([]));

  test('survives a restart, which confirms nothing', () => {
    const made = held().wait(29_000).restart();
    expect(alive(made)).toBe(20);
    expect(made.scope.held).toMatchObject({ removing: 20, of: 20 });
    made.wait(60_000);
    expect(alive(made)).toBe(20);
    made.say(snapshotOf([])).status({ state: 'live' }).wait(29_000);
    expect(alive(made)).toBe(20);
    made.wait(1_000);
    expect(alive(made)).toBe(0);
  });

  test('one by one survives a restart too, also when the registry then lists what is left of it', () => {
    const made = make().say(snapshotOf(twenty)).status({ state: 'live' });
    for (let n = 0; n < 16; n += 1) made.remove(`s${n}`);
    made
      .restart()
      .wait(120_000)
      .say(snapshotOf(twenty.slice(16)))
      .status({ state: 'live' });
    expect(alive(made)).toBe(10);
    made.wait(30_000);
    expect(alive(made)).toBe(4);
  });

  test('is let go by an operator, once', () => {
    const made = held().release();
    expect(alive(made)).toBe(0);
    expect(made.catalog.release('a/ns/g')).toBeUndefined();
    expect([...made.ledger.entries('held'), ...made.ledger.entries('retained'), ...made.ledger.entries('record')]).toEqual([]);
  });

  test('is not confirmed by a clock that jumps, nor by a process that was stopped', () => {
    const made = held();
    made.clock.time += 3_600_000;
    made.catalog.confirmDue();
    made.clock.time -= 7_200_000;
    made.catalog.confirmDue();
    expect(alive(made)).toBe(20);
    made.wait(25_000);
    expect(alive(made)).toBe(0);
  });

  test('is not confirmed while the source is not live, and begins anew when it is again', () => {
    const made = held().wait(20_000);
    made.status({ state: 'stale', since: 1, cause: 'connection refused' }).wait(60_000).status({ state: 'live' }).wait(29_000);
    expect(alive(made)).toBe(20);
    made.wait(1_000);
    expect(alive(made)).toBe(0);
  });
});

describe('two declared ports of a service that lead to one port of its instances', () => {
  const ports = [
    { number: 80, name: 'http-web', protocol: 'http' },
    { number: 9090, name: 'http-admin', protocol: 'http' },
  ] as const;
  /** As a Kubernetes Service with `80 → 8080` and `9090 → 8080`. */
  const twoPorts = (addresses: readonly string[], names: readonly string[] = ['http-web', 'http-admin']): ServiceRecord => ({
    ...record(
      'orders',
      addresses.flatMap((address) => names.map((portName) => endpoint({ address, portName }))),
    ),
    ports,
  });
  const twelve = Array.from({ length: 12 }, (_, n) => `10.0.1.${n}`);
  const served = (made: WatchedCatalog, name: string) => {
    const merged = [...made.catalog.hosts()].flatMap((host) => made.catalog.merged(host)?.endpoints ?? []);
    return merged.filter(({ portName }) => portName === name).map(({ endpoint: { address } }) => address);
  };
  const left = (made: WatchedCatalog) => ports.map(({ name }) => served(made, name).length);

  test('are held both, and both over a restart, when all instances are gone at once', () => {
    const made = make()
      .say(snapshotOf([twoPorts(twelve)]))
      .status({ state: 'live' });
    made.say(snapshotOf([]));
    expect(left(made)).toEqual([12, 12]);
    expect(made.scope.held).toMatchObject({ removing: 24 });
    expect(left(made.restart())).toEqual([12, 12]);
    made.say(snapshotOf([])).status({ state: 'live' }).wait(31_000);
    expect(left(made)).toEqual([0, 0]);
  });

  test('are counted by port, so that instances that go one by one are held at the same share', () => {
    const made = make()
      .say(snapshotOf([twoPorts(twelve)]))
      .status({ state: 'live' });
    for (let n = 1; n <= 12; n += 1) made.say(upsert(twoPorts(twelve.slice(n)))).wait(100);
    expect(left(made)).toEqual([6, 6]);
    for (let n = 11; n >= 0; n -= 1) made.say(upsert(twoPorts(twelve.slice(n)))).wait(100);
    expect(left(made)).toEqual([12, 12]);
    expect(made.scope.held).toBeUndefined();
  });

  test('go one without the other when the service no longer declares one', () => {
    const made = make().say(snapshotOf([twoPorts(['10.0.1.1', '10.0.1.2'])]));
    made.say(upsert(twoPorts(['10.0.1.1', '10.0.1.2'], ['http-web'])));
    expect(left(made)).toEqual([2, 0]);
  });
});

describe('ages', () => {
  test('of a scope go on over a restart', () => {
    const made = make().say(snapshotOf(twenty)).status({ state: 'live' }).wait(400_000);
    const asOf = made.clock.time;
    made.status({ state: 'stale', since: asOf, cause: 'connection refused' }).wait(50_000).restart();
    expect(made.scope.asOf).toBe(asOf);
    expect(made.scope.status).toMatchObject({ state: 'stale', since: asOf });
    made.status({ state: 'stale', since: made.clock.time, cause: 'connection refused' });
    expect(made.scope.status).toMatchObject({ state: 'stale', since: asOf, cause: 'connection refused' });
  });
});
