/** However it began and whatever happens meanwhile: what is held ends (docs/adr/0011-deletion-safety.md). */
import { MemoryLedger } from '@isthmus/ledger';
import { MemoryServer } from '@isthmus/ledger/testing';
import { endpointKey, serviceId } from '@isthmus/model';
import type { Health, SourceStatus } from '@isthmus/model';
import { until } from '@isthmus/model/testing';
import { afterEach, describe, expect, test } from '@jest/globals';
import { CheckVerdicts } from './liveness/check-verdicts.ts';
import type { RecordOverlay } from './record-overlay.ts';
import { DEFAULT_GUARD } from './removal-guard.ts';
import type { GuardOptions } from './removal-guard.ts';
import { crossChecked, live } from './testing/cross-checked.ts';
import { endpoint, record, snapshotOf, upsert } from './testing/records.ts';
import { closeReplicas, fileOf, pair, replica } from './testing/replicas.ts';
import { WatchedCatalog } from './testing/watched-catalog.ts';
import { workloadSnapshot } from './testing/workloads.ts';

const SERVICES = 40;
const CONFIRMED = DEFAULT_GUARD.confirmAfterMs;
const LIVE: SourceStatus = { state: 'live' };
/** Consul with fewer connections than services, or a token that does not see all: it lasts until somebody mends it. */
const PARTIAL: SourceStatus = { state: 'partial', cause: 'service x cannot be read' };

const one = (i: number, health: Health = 'healthy') => record(`s${i}`, [endpoint({ health })]);
/** A complete read, in which the first `n` services are unhealthy. */
const ill = (n: number) => snapshotOf(Array.from({ length: SERVICES }, (_, i) => one(i, i < n ? 'unhealthy' : 'healthy')));
const start = (guard: Partial<GuardOptions> = {}) => new WatchedCatalog(new MemoryLedger(), { guard }).say(ill(0)).status(LIVE);
const held = ({ catalog }: Pick<WatchedCatalog, 'catalog'>): number => catalog.scopeById('a/ns/g')?.held?.removing ?? 0;
const unhealthy = ({ catalog }: Pick<WatchedCatalog, 'catalog'>): number =>
  [...(catalog.scopeById('a/ns/g')?.records.values() ?? [])].filter(
    ({ record: { endpoints } }) => endpoints[0]?.health === 'unhealthy',
  ).length;

describe('what many instances were called unhealthy and held for ends', () => {
  test('also where a part of the registry cannot be read: it names those itself', () => {
    const world = start().status(PARTIAL);
    for (let i = 0; i < SERVICES; i += 1) world.say(upsert(one(i, 'unhealthy')));
    expect([unhealthy(world), held(world)]).toEqual([20, 20]);
    world.wait(CONFIRMED - 1_000);
    expect([unhealthy(world), held(world)]).toEqual([20, 20]);
    world.wait(1_000);
    expect([unhealthy(world), held(world)]).toEqual([40, 0]);
  });

  test('and what it no longer lists stays there until all can be read', () => {
    const world = start().status(PARTIAL);
    for (let i = 0; i < SERVICES; i += 1) world.remove(`s${i}`);
    expect(held(world.wait(10 * CONFIRMED))).toBe(20);
    expect(held(world.status(LIVE).wait(1_000))).toBe(0);
  });

  test('also where one service can be read now and then only', () => {
    const world = start().say(ill(SERVICES));
    for (let i = 0; i < 4; i += 1) world.status(i % 2 === 0 ? PARTIAL : LIVE).wait(CONFIRMED / 4);
    expect([unhealthy(world), held(world)]).toEqual([40, 0]);
  });
});

describe('a changed config', () => {
  test.each([
    ['a shorter guard.confirmAfter', { confirmAfterMs: 3_600_000 }, { confirmAfterMs: CONFIRMED }],
    ['a longer guard.confirmAfter', { confirmAfterMs: 1_000 }, { confirmAfterMs: CONFIRMED }],
  ])('%s is in force for what is held already', (_, before, guard) => {
    for (const event of [snapshotOf([]), ill(SERVICES)]) {
      const world = start(before).say(event);
      expect(held(world)).toBe(40);
      world
        .reconfigure({ guard })
        .status(LIVE)
        .wait(CONFIRMED - 1_000);
      expect(held(world)).toBe(40);
      expect(held(world.wait(1_000))).toBe(0);
    }
  });

  test.each<[string, Partial<GuardOptions>, number]>([
    ['guard.holdUnhealthy: false', { holdUnhealthy: false }, 0],
    ['guard.holdUnhealthy: true', {}, 30],
    ['guard.maxRemovalPercent: 100', { maxRemovalPercent: 100 }, 30],
  ])('%s: what is held then is so at the next complete read', (_, guard, left) => {
    const world = start().say(ill(30)).reconfigure({ guard });
    expect([unhealthy(world), held(world)]).toEqual([0, 30]);
    world.say(ill(30)).status(LIVE);
    expect([unhealthy(world), held(world)]).toEqual([30 - left, left]);
    expect(held(world.wait(CONFIRMED))).toBe(0);
  });

  test('guard.holdUnhealthy that is switched on holds nothing that was believed', () => {
    const world = start({ holdUnhealthy: false }).say(ill(30)).reconfigure({ guard: {} }).say(ill(30)).status(LIVE);
    expect([unhealthy(world), held(world)]).toEqual([30, 0]);
  });
});

test('a Pod that is gone, and what an active check finds dead, are out while the registry’s word waits', () => {
  const { check: pods, say } = crossChecked({ podCidrs: ['10.0.0.1/32'] });
  const checks = new CheckVerdicts([{ name: 'vms', revive: false }], { ledger: new MemoryLedger(), clock: { now: () => 5 } });
  const overlay: RecordOverlay = {
    put: (id, known, dirty) => [pods, checks].forEach((one) => one.put(id, known, dirty)),
    drop: (id, dirty) => [pods, checks].forEach((one) => one.drop(id, dirty)),
    view: (id, known) => checks.view(id, pods.view(id, known) ?? known),
  };
  const world = new WatchedCatalog(new MemoryLedger(), {}, overlay);
  const addresses = Array.from({ length: 24 }, (_, i) => `10.0.0.${i + 1}`);
  const orders = (health: Health) =>
    record(
      'orders',
      addresses.map((address) => endpoint({ address, health })),
    );
  world
    .say(snapshotOf([orders('healthy')]))
    .status(LIVE)
    .say(upsert(orders('unhealthy')));
  expect(held(world)).toBe(24);
  const sees = () => Map.groupBy(world.catalog.merged(orders('healthy').host)?.endpoints ?? [], (e) => e.endpoint.health);
  const id = serviceId(orders('healthy').key);
  say(workloadSnapshot([]), live);
  checks.set(0, id, '10.0.0.2 8080', { healthy: false, reason: 'refused', since: 5, isProven: true }, new Set());
  expect(
    sees()
      .get('evicted')
      ?.map((e) => e.endpoint.address),
  ).toEqual(['10.0.0.1']);
  expect(
    sees()
      .get('unhealthy')
      ?.map((e) => e.endpoint.address),
  ).toEqual(['10.0.0.2']);
  expect(sees().get('healthy')).toHaveLength(22);
  world.wait(CONFIRMED);
  expect([sees().get('evicted')?.length, sees().get('unhealthy')?.length]).toEqual([1, 23]);
});

describe('after a restart', () => {
  test('further ones are measured against what there was, also where half of it was believed before', () => {
    const worlds = [start(), start()];
    for (const world of worlds) for (let i = 0; i < 21; i += 1) world.say(upsert(one(i, 'unhealthy')));
    worlds[1]?.restart().say(ill(21)).status(LIVE);
    for (const world of worlds) {
      expect([unhealthy(world), held(world)]).toEqual([20, 1]);
      world.say(upsert(one(21, 'unhealthy')));
      expect([unhealthy(world), held(world)]).toEqual([20, 2]);
    }
  });
});

describe('on replicas', () => {
  afterEach(closeReplicas);

  test('whose leader starts again with a clock that was set back', async () => {
    const { leader, follower } = await pair();
    leader.catalog.apply(ill(0));
    leader.catalog.apply({ kind: 'status', scope: one(0).key as never, status: LIVE });
    leader.catalog.apply(ill(SERVICES));
    expect(held(leader)).toBe(40);
    const file = fileOf(leader);
    for (const [id, retained] of leader.local.entries('retained'))
      file.put(
        'retained',
        id,
        (retained as { since: number }[]).map((r) => ({ ...r, since: r.since + 3_600_000 })),
      );
    await Promise.all([leader.ledger.close(), follower.ledger.close()]);
    const again = replica(leader.server, 'again', 10_000, file);
    again.catalog.restore(() => true);
    await until('it leads', () => again.ledger.writer.isWriter());
    again.catalog.apply(ill(SERVICES));
    again.catalog.apply({ kind: 'status', scope: one(0).key as never, status: LIVE });
    expect(held(again)).toBe(40);
    again.pass(CONFIRMED + 1_000);
    await until('they are believed', () => unhealthy(again) === 40);
    expect(held(again)).toBe(0);
  });

  test.each([
    ['of an earlier version', { since: 1, endpoints: ['10.0.0.1:8080'] }],
    ['that is none', { endpoints: [['10.0.0.1:8080'], [1, 2], 3, null] }],
    ['without anything', null],
  ])('what the ledger has of the leader’s word, %s, stops neither a start nor the letting go', async (_, value) => {
    const file = new MemoryLedger();
    const before = new WatchedCatalog(file).say(ill(0)).status(LIVE).say(ill(SERVICES));
    expect(held(before)).toBe(40);
    file.put('held', `/${serviceId(one(0).key)}`, value);
    const again = replica(new MemoryServer(), 'a', 10_000, file);
    again.catalog.restore(() => true);
    await until('it leads', () => again.ledger.writer.isWriter());
    expect(held(again)).toBe(40);
    again.catalog.apply({ kind: 'status', scope: one(0).key as never, status: LIVE });
    again.pass(CONFIRMED + 1_000);
    await until('they are believed', () => unhealthy(again) === 40);
  });

  test('whose leader dies in the middle: the next one says when', async () => {
    const { leader, follower } = await pair(1_000);
    for (const { catalog } of [leader, follower]) {
      catalog.apply(ill(0));
      catalog.apply({ kind: 'status', scope: one(0).key as never, status: LIVE });
      catalog.apply(ill(SERVICES));
    }
    await until('it is said', () => follower.ledger.get('held', 'a/ns/g') !== undefined);
    leader.store.cut = true;
    leader.pass(CONFIRMED + 1_000);
    follower.pass(CONFIRMED + 1_000);
    expect([unhealthy(leader), unhealthy(follower)]).toEqual([0, 0]);
    await until('the other leads', () => follower.ledger.writer.isWriter());
    await until('it has let them go', () => {
      follower.pass(1_000);
      return unhealthy(follower) === 40 && held(follower) === 0;
    });
    leader.store.cut = false;
    await until('so has the one that led', () => unhealthy(leader) === 40 && held(leader) === 0);
    const key = endpointKey(one(0).endpoints[0]!);
    expect(follower.ledger.get('held', `/${serviceId(one(0).key)}`)).toMatchObject({ endpoints: [[key, expect.any(Number)]] });
  });
});
