import { describe, expect, test } from '@jest/globals';
import { Catalog, DEFAULT_GUARD, DEFAULT_RULES } from '@isthmus/catalog';
import { endpoint, record, snapshotOf } from '@isthmus/catalog/testing';
import { MemoryLedger } from '@isthmus/ledger';
import { freezeStale, takeFrozen } from './frozen-scopes.ts';

const services = ['orders', 'payments', 'stock'].map((name) => record(name, [endpoint()]));
const scope = services[0]!.key;

function replica() {
  const clock = { ms: 1_000_000, now: () => clock.ms };
  const local = new MemoryLedger();
  const make = () => new Catalog({ rules: DEFAULT_RULES, guard: DEFAULT_GUARD, ledger: local, clock, allocateVips: false });
  return { clock, local, make, catalog: make() };
}

/** What the leader's are in the store. */
function freezer() {
  const frozen = new Map<string, unknown>();
  const freeze = (key: string, value: unknown) => void (value === undefined ? frozen.delete(key) : frozen.set(key, value));
  return { frozen, freeze };
}

function lose(leader: ReturnType<typeof replica>): void {
  const { catalog, clock } = leader;
  catalog.apply({ kind: 'status', scope, status: { state: 'stale', since: clock.ms, cause: 'gone' } });
  clock.ms += 10_000;
}

describe('a registry that is away', () => {
  test('is known to a replica that starts without anything as the leader knew it last', () => {
    const store = freezer();
    const leader = replica();
    leader.catalog.apply(snapshotOf(services));
    leader.catalog.apply({ kind: 'status', scope, status: { state: 'live' } });
    for (const _ of freezeStale(store, leader.catalog));
    expect(store.frozen.size).toBe(0);
    lose(leader);
    for (const _ of freezeStale(store, leader.catalog));
    expect(store.frozen.size).toBe(4);
    const fresh = replica();
    expect(takeFrozen(store.frozen, fresh.local).length).toBe(1);
    const started = fresh.make();
    started.restore(() => true);
    expect([...started.hosts()].sort()).toEqual([...leader.catalog.hosts()].sort());
    for (const host of leader.catalog.hosts()) expect(started.merged(host)).toEqual(leader.catalog.merged(host));
    leader.catalog.apply(snapshotOf(services));
    leader.catalog.apply({ kind: 'status', scope, status: { state: 'live' } });
    for (const _ of freezeStale(store, leader.catalog));
    expect(store.frozen.size).toBe(0);
  });

  test('an older file of a replica is brought up to date, services that went included', () => {
    const store = freezer();
    const old = replica();
    old.catalog.apply(snapshotOf([...services, record('gone', [endpoint()])]));
    old.catalog.apply({ kind: 'status', scope, status: { state: 'live' } });
    const leader = replica();
    leader.clock.ms += 3_600_000;
    leader.catalog.apply(snapshotOf(services));
    leader.catalog.apply({ kind: 'status', scope, status: { state: 'live' } });
    lose(leader);
    for (const _ of freezeStale(store, leader.catalog));
    takeFrozen(store.frozen, old.local);
    const started = old.make();
    started.restore(() => true);
    expect([...started.hosts()].sort()).toEqual([...leader.catalog.hosts()].sort());
    // Once more changes nothing, and what is younger stays.
    expect(takeFrozen(store.frozen, old.local)).toEqual([]);
  });

  test('a leader that has not heard the registry itself writes nothing down', () => {
    const store = freezer();
    const leader = replica();
    leader.catalog.apply(snapshotOf(services));
    const restarted = { ...leader, catalog: leader.make() };
    restarted.catalog.restore(() => true);
    lose(restarted);
    for (const _ of freezeStale(store, restarted.catalog));
    expect(store.frozen.size).toBe(0);
  });
});
