import { afterEach, describe, expect, test } from '@jest/globals';
import type { MeshHost } from '@isthmus/model';
import { until } from '@isthmus/model/testing';
import { DEFAULT_GUARD } from './removal-guard.ts';
import { endpoint, record, snapshotOf } from './testing/index.ts';
import { closeReplicas, pair } from './testing/replicas.ts';
import type { Replica } from './testing/replicas.ts';

afterEach(closeReplicas);

const host = (name: string) => record(name, [endpoint()]).host;

/** Enough for some to hash to the address of another. */
const many = Array.from({ length: 400 }, (_, i) => record(`s${i}`, [endpoint()]));

describe('two replicas', () => {
  test('publish a host when the leader’s address for it is written, and have the same for all of them', async () => {
    const { leader, follower } = await pair();
    // In another order, so that hashing and probing alone would differ.
    follower.catalog.apply(snapshotOf(many.toReversed()));
    for (const { host } of many.toReversed()) expect(follower.catalog.merged(host)).toBeUndefined();
    expect(follower.catalog.pendingVips?.withheld).toBe(many.length);
    expect(follower.ledger.status.waiting).toBe(0);
    leader.catalog.apply(snapshotOf(many));
    for (const { host } of many) expect(leader.catalog.merged(host)).toBeUndefined();
    await until('both have all', () => [leader, follower].every((r) => r.ledger.entries('vip').size === many.length));
    expect(follower.dirty.size).toBe(many.length);
    for (const { host } of many) {
      const merged = leader.catalog.merged(host);
      expect(merged?.vip).toMatch(/^240\.241\./);
      expect(follower.catalog.merged(host)).toEqual(merged);
    }
    expect(follower.catalog.pendingVips?.withheld).toBe(0);
  });

  test('a host waits no longer than 5 s for its address, and one that was published is never taken back', async () => {
    const { follower } = await pair();
    follower.catalog.apply(snapshotOf([record('orders', [endpoint()])]));
    expect(follower.catalog.merged(host('orders'))).toBeUndefined();
    follower.pass(5_001);
    expect(follower.catalog.merged(host('orders'))).toMatchObject({ vip: undefined });
  });

  test('a host that only the follower sees gets its address from the leader, once it has waited for a second', async () => {
    const { leader, follower } = await pair(600);
    leader.ledger.onAsked((hosts) => leader.catalog.promiseVips(hosts as readonly MeshHost[]));
    leader.catalog.apply(snapshotOf(many));
    follower.catalog.apply(snapshotOf([...many, record('only', [endpoint()])]));
    expect(follower.catalog.merged(host('only'))).toBeUndefined();
    expect(follower.catalog.pendingVips?.overdue).toEqual([]);
    follower.pass(1_000);
    expect(follower.catalog.pendingVips?.overdue).toEqual([host('only')]);
    await until('it has an address', () => {
      follower.ledger.ask(follower.catalog.pendingVips?.overdue ?? []);
      return follower.catalog.merged(host('only'))?.vip !== undefined;
    });
    const { vip } = follower.catalog.merged(host('only')) ?? {};
    for (const { host: other } of many) leader.catalog.merged(other);
    await until('the others have theirs', () => follower.ledger.entries('vip').size === many.length + 1);
    expect([...follower.ledger.entries('vip')].filter(([, address]) => address === vip)).toEqual([[host('only'), vip]]);
    expect(follower.catalog.pendingVips?.hosts.has(host('only'))).toBe(false);
  });

  test('a declared address waits for nobody; one that is no longer declared does not take the host away', async () => {
    const { follower } = await pair();
    const declared = { ...record('orders', [endpoint()]), vip: '10.9.8.7' };
    follower.catalog.apply(snapshotOf([declared]));
    expect(follower.catalog.merged(declared.host)).toMatchObject({ vip: '10.9.8.7' });
    follower.catalog.apply(snapshotOf([record('orders', [endpoint()])]));
    expect(follower.catalog.merged(declared.host)).toMatchObject({ vip: undefined });
  });

  test('let a held removal go when the leader says so, and not before', async () => {
    const { leader, follower } = await pair();
    const services = Array.from({ length: 12 }, (_, i) => record(`s${i}`, [endpoint()]));
    for (const { catalog } of [leader, follower]) {
      catalog.apply(snapshotOf(services));
      catalog.apply({ kind: 'status', scope: services[0]?.key as never, status: { state: 'live' } });
      catalog.apply(snapshotOf([]));
    }
    await until('it is said', () => follower.ledger.entries('held').size === 1);
    const confirmed = (r: Replica): number => {
      r.pass(DEFAULT_GUARD.confirmAfterMs + 5_000);
      return [...r.catalog.hosts()].length;
    };
    expect(confirmed(follower)).toBe(12);
    expect(confirmed(leader)).toBe(12); // it is decided, and takes effect when it is written
    await until('all have let go', () => [leader, follower].every((r) => [...r.catalog.hosts()].length === 0));
    await until('nothing is held', () => [leader, follower].every((r) => r.ledger.get('held', 'a/ns/g') === undefined));
    expect(leader.ledger.revision).toBe(follower.ledger.revision);
  });

  describe('that hold 16 of 24, of which the second half went ten seconds later', () => {
    const services = Array.from({ length: 24 }, (_, i) => record(`s${i}`, [endpoint()]));
    const upTo = (n: number) => snapshotOf(services.slice(n));
    const names = (r: Replica): number => [...r.catalog.hosts()].length;
    const held = (r: Replica): number => r.catalog.scopeById('a/ns/g')?.held?.removing ?? 0;

    async function holding(): Promise<{
      readonly leader: Replica;
      readonly follower: Replica;
      readonly both: readonly Replica[];
    }> {
      const { leader, follower } = await pair();
      const both = [leader, follower];
      for (const { catalog, pass } of both) {
        catalog.apply(upTo(0));
        catalog.apply({ kind: 'status', scope: services[0]?.key as never, status: { state: 'live' } });
        catalog.apply(upTo(13));
        pass(10_000);
        catalog.apply(upTo(16));
        expect(names({ catalog } as Replica)).toBe(24);
      }
      await until('it is said', () => both.every((r) => r.ledger.get('held', 'a/ns/g') !== undefined));
      return { leader, follower, both };
    }

    test('let each go at its own time, all of them the same', async () => {
      const { leader, follower, both } = await holding();
      follower.pass(21_000);
      expect(names(follower)).toBe(24); // the leader decides
      leader.pass(21_000);
      await until('the first are gone', () => both.every((r) => names(r) === 11));
      expect(both.map(held)).toEqual([3, 3]);
      expect(new Set(follower.catalog.hosts())).toEqual(new Set(leader.catalog.hosts()));
      for (const r of both) r.pass(8_000);
      leader.pass(3_000);
      await until('all are gone', () => both.every((r) => names(r) === 8 && held(r) === 0));
    });

    test('a leader to which they come back lets nothing go: the others wait for their own time', async () => {
      const { leader, follower, both } = await holding();
      leader.catalog.apply(upTo(0));
      await until('the leader holds nothing', () => both.every((r) => r.ledger.get('held', 'a/ns/g') === undefined));
      expect([names(follower), held(follower)]).toEqual([24, 16]);
      follower.pass(21_000);
      expect([names(follower), held(follower)]).toEqual([11, 3]);
      follower.pass(10_000);
      expect([names(follower), held(follower)]).toEqual([8, 0]);
      expect(names(leader)).toBe(24);
    });

    test('let all of them go when an operator says so to the leader', async () => {
      const { leader, both } = await holding();
      expect(leader.catalog.release('a/ns/g')?.released).toBe(16);
      await until('all are gone', () => both.every((r) => names(r) === 8 && held(r) === 0));
    });

    test('a replica that reads the store only later has let the same go', async () => {
      const { leader, follower, both } = await holding();
      follower.store.cut = true;
      leader.catalog.release('a/ns/g');
      await until('the leader is through', () => names(leader) === 8 && leader.ledger.get('held', 'a/ns/g') === undefined);
      expect(names(follower)).toBe(24);
      follower.store.cut = false;
      await until('so is the other', () => both.every((r) => names(r) === 8));
    });
  });

  test('a replica that misses a write of the leader has let go the same of a service when it reads the next', async () => {
    const { leader, follower } = await pair();
    const both = [leader, follower];
    const orders = Array.from({ length: 24 }, (_, i) => endpoint({ address: `10.0.0.${i + 1}` }));
    const { key } = record('orders', orders);
    const without = (n: number) => snapshotOf([record('orders', orders.slice(n))]);
    const size = ({ catalog }: Replica): number => catalog.merged(host('orders'))?.endpoints.length ?? 0;
    for (const { catalog, pass } of both) {
      catalog.apply(without(0));
      catalog.apply({ kind: 'status', scope: key as never, status: { state: 'live' } });
      for (const n of [13, 16, 18]) {
        pass(9_000);
        catalog.apply(without(n));
      }
    }
    await until('it is said', () => both.every((r) => size(r) === 24 && r.ledger.get('held', 'a/ns/g') !== undefined));
    follower.store.cut = true;
    for (const [ms, left] of [
      [13_000, 11],
      [9_000, 8],
    ] as const) {
      leader.pass(ms);
      await until('they are gone', () => size(leader) === left);
    }
    follower.store.cut = false;
    await until('it has read that', () => follower.ledger.revision === leader.ledger.revision);
    expect(both.map(size)).toEqual([8, 8]); // two are held
  });

  test('while nobody leads, what is held stays', async () => {
    const { leader, follower } = await pair(1_000);
    const services = Array.from({ length: 12 }, (_, i) => record(`s${i}`, [endpoint()]));
    for (const { catalog } of [leader, follower]) {
      catalog.apply(snapshotOf(services));
      catalog.apply({ kind: 'status', scope: services[0]?.key as never, status: { state: 'live' } });
      catalog.apply(snapshotOf([]));
    }
    await until('it is said', () => follower.ledger.entries('held').size === 1);
    for (const r of [leader, follower]) r.store.cut = true;
    await until('nobody leads', () => !leader.ledger.writer.isWriter());
    for (const r of [leader, follower]) {
      r.pass(60_000);
      expect([...r.catalog.hosts()].length).toBe(12);
    }
  });
});
