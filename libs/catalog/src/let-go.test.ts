import { afterEach, describe, expect, test } from '@jest/globals';
import { until } from '@isthmus/model/testing';
import { letGoService } from './let-go.ts';
import { DEFAULT_GUARD } from './removal-guard.ts';
import { endpoint, record, snapshotOf } from './testing/index.ts';
import { closeReplicas, fileOf, pair, replica } from './testing/replicas.ts';
import type { Replica } from './testing/replicas.ts';

afterEach(closeReplicas);

const services = Array.from({ length: 12 }, (_, i) => record(`s${i}`, [endpoint()]));
const listed = snapshotOf(services);
const none = snapshotOf([]);
const SCOPE = 'a/ns/g';
const LONG = DEFAULT_GUARD.confirmAfterMs + 1_000;

const names = ({ catalog }: Replica): number => [...catalog.hosts()].length;
const isLive = ({ catalog }: Replica): void =>
  void catalog.apply({ kind: 'status', scope: services[0]?.key as never, status: { state: 'live' } });
const named = ({ ledger }: Replica): readonly string[] =>
  [...ledger.entries('held').keys()].filter((key) => letGoService(key) !== undefined);

/** Both hold all twelve. */
async function holding(leaseMs?: number): Promise<Awaited<ReturnType<typeof pair>> & { readonly both: readonly Replica[] }> {
  const two = await pair(leaseMs);
  const both = [two.leader, two.follower];
  for (const r of both) {
    r.catalog.apply(listed);
    isLive(r);
    r.catalog.apply(none);
  }
  await until('it is said', () => both.every((r) => r.ledger.get('held', SCOPE) !== undefined));
  return { ...two, both };
}

describe('what the leader lets go', () => {
  test('is not published by it again when it was killed before its own file had that, nor decided a second time', async () => {
    const { leader, follower } = await holding(600);
    const file = fileOf(leader);
    leader.pass(LONG);
    await until('they are gone', () => names(leader) + names(follower) === 0 && named(follower).length === 12);
    expect([file.entries('record').size, file.entries('retained').size]).toEqual([12, 12]);
    await Promise.all([leader, follower].map(({ ledger }) => ledger.close()));

    const again = replica(leader.server, 'again', 600, file);
    await again.ledger.loaded(5_000);
    again.catalog.restore(() => true);
    expect(names(again)).toBe(0);
    expect([file.entries('record').size, file.entries('retained').size]).toEqual([0, 0]);
    await until('it leads', () => again.ledger.writer.isWriter());
    isLive(again);
    again.catalog.apply(none);
    const { waiting } = again.ledger.status;
    again.pass(3 * LONG);
    expect(again.ledger.status.waiting).toBe(waiting);
  });

  test('goes from a replica that was killed as from the others, when it can read the store only after its start', async () => {
    const { leader, follower } = await holding();
    const file = fileOf(follower);
    leader.pass(LONG);
    await until('they are gone', () => names(leader) === 0);
    const again = replica(leader.server, 'again', 10_000, file);
    again.store.cut = true;
    again.catalog.restore(() => true);
    expect(names(again)).toBe(12);
    again.store.cut = false;
    await until('it has read the store', () => names(again) === 0);
  });

  test('was lost anew while the store did not answer: it is held anew, its full time, on all of them', async () => {
    const { leader, follower, both } = await holding();
    const { revision } = leader.ledger;
    leader.store.cut = true;
    for (const r of both) r.pass(LONG);
    expect([names(leader), leader.ledger.status.waiting]).toEqual([12, 12]);
    for (const r of both) {
      r.catalog.apply(listed);
      r.pass(1_000);
      r.catalog.apply(none);
    }
    leader.store.cut = false;
    await until('it is written', () => follower.ledger.revision > revision && named(follower).length === 12);
    expect(both.map(names)).toEqual([12, 12]);
    for (const r of both) r.pass(DEFAULT_GUARD.confirmAfterMs - 1_000);
    expect(both.map(names)).toEqual([12, 12]);
    for (const r of both) r.pass(1_000);
    await until('they are gone', () => names(leader) + names(follower) === 0);
  });
});
