import { MemoryLedger } from '@isthmus/ledger';
import { serviceId } from '@isthmus/model';
import type { Health, SourceEvent } from '@isthmus/model';
import { until } from '@isthmus/model/testing';
import { afterEach, describe, expect, test } from '@jest/globals';
import { DEFAULT_GUARD } from './removal-guard.ts';
import type { Catalog } from './catalog.ts';
import { endpoint, record, snapshotOf, upsert } from './testing/records.ts';
import { closeReplicas, pair } from './testing/replicas.ts';
import { WatchedCatalog } from './testing/watched-catalog.ts';
import type { WatchedOptions } from './testing/watched-catalog.ts';

const SERVICES = 20;
const CONFIRMED = DEFAULT_GUARD.confirmAfterMs;
/** Two endpoints each. */
const one = (i: number, health: Health = 'healthy') =>
  record(`s${i}`, [endpoint({ address: '10.0.0.1', health }), endpoint({ address: '10.0.0.2', health })]);
/** A complete read, in which the first `n` services are unhealthy. */
const ill = (n: number): SourceEvent =>
  snapshotOf(Array.from({ length: SERVICES }, (_, i) => one(i, i < n ? 'unhealthy' : 'healthy')));

const start = (options: WatchedOptions = {}, event = ill(0)): WatchedCatalog =>
  new WatchedCatalog(new MemoryLedger(), options).say(event).status({ state: 'live' });

function state(catalog: Catalog) {
  const scope = catalog.scopeById('a/ns/g');
  const endpoints = [...(scope?.records.values() ?? [])].flatMap(({ record: { endpoints: all } }) => all);
  return {
    well: endpoints.filter(({ health }) => health === 'healthy').length,
    ill: endpoints.filter(({ health }) => health === 'unhealthy').length,
    held: scope?.held?.removing ?? 0,
    unhealthy: scope?.held?.unhealthy ?? 0,
  };
}
const seen = ({ catalog }: WatchedCatalog) => state(catalog);
const believed = (n: number) => ({ well: 40 - n, ill: n, held: 0, unhealthy: 0 });
const held = (n: number, before = 0) => ({ well: 40 - before, ill: before, held: n, unhealthy: n });

describe('a registry that calls many instances unhealthy at once', () => {
  test('a complete read of more than half of the scope is held, and believed when it is still so after a while', () => {
    const world = start().say(ill(11));
    expect(seen(world)).toEqual(held(22));
    world.wait(CONFIRMED - 1_000);
    expect(seen(world)).toEqual(held(22));
    world.wait(1_000);
    expect(seen(world)).toEqual(believed(22));
  });

  test('half of the scope is believed at once', () => {
    expect(seen(start().say(ill(10)))).toEqual(believed(20));
  });

  test('who is well again is so at once, and waits anew when it turns once more', () => {
    const world = start().say(ill(12)).wait(20_000).say(ill(11));
    expect(seen(world)).toEqual(held(22));
    world.say(ill(12)).wait(CONFIRMED - 20_000);
    expect(seen(world)).toEqual({ ...believed(22), held: 2, unhealthy: 2 });
    expect(seen(world.wait(20_000))).toEqual(believed(24));
  });

  test('one by one they are believed up to the half of what there was within a minute', () => {
    const world = start();
    for (let i = 0; i < SERVICES; i += 1) world.say(upsert(one(i, 'unhealthy')));
    expect(seen(world)).toEqual(held(20, 20));
    const slowly = start();
    for (let i = 0; i < SERVICES; i += 1) slowly.say(upsert(one(i, 'unhealthy'))).wait(10_000);
    expect(seen(slowly)).toEqual(believed(40));
  });

  test('a service that is wholly unhealthy is believed, unless it is most of its scope', () => {
    const many = (health: Health) =>
      record(
        's0',
        Array.from({ length: 12 }, (_, i) => endpoint({ address: `10.1.0.${i + 1}`, health })),
      );
    const among = start({}, snapshotOf([many('healthy'), ...Array.from({ length: 10 }, (_, i) => one(i + 1))]));
    expect(seen(among.say(upsert(many('unhealthy'))))).toMatchObject({ ill: 12, held: 0 });
    const alone = start({}, snapshotOf([many('healthy')]));
    expect(seen(alone.say(upsert(many('unhealthy'))))).toMatchObject({ ill: 0, held: 12 });
    const few = start({}, snapshotOf([one(0)]));
    expect(seen(few.say(upsert(one(0, 'unhealthy'))))).toMatchObject({ ill: 2, held: 0 });
  });

  test('what an operator took out is out at once', () => {
    const off = Array.from({ length: SERVICES }, (_, i) => one(i, 'disabled'));
    expect(seen(start().say(snapshotOf(off)))).toMatchObject({ well: 0, held: 0 });
    const weightless = off.map(({ key, ...rest }) => ({
      ...{ key, ...rest },
      endpoints: rest.endpoints.map((e) => ({ ...e, health: 'unhealthy' as const, weight: 0 })),
    }));
    expect(seen(start().say(snapshotOf(weightless)))).toMatchObject({ well: 0, held: 0 });
  });

  test('who is removed while it is held goes when it has been away or unhealthy for as long together', () => {
    const world = start().say(ill(11)).wait(20_000);
    world.say(snapshotOf(Array.from({ length: SERVICES - 11 }, (_, i) => one(i + 11))));
    expect(seen(world)).toEqual({ well: 40, ill: 0, held: 22, unhealthy: 0 });
    expect(seen(world.wait(10_000))).toEqual({ well: 18, ill: 0, held: 0, unhealthy: 0 });
  });

  test('who was removed with many and is listed again as unhealthy stays held', () => {
    const world = start().say(snapshotOf([])).say(ill(SERVICES));
    expect(seen(world)).toEqual(held(40));
    expect(seen(world.wait(CONFIRMED))).toEqual(believed(40));
  });

  test('a release has them unhealthy, not away; also after a restart', () => {
    const world = start().say(ill(11)).release();
    expect(seen(world)).toEqual(believed(22));
    const again = start().say(ill(11)).restart();
    expect(seen(again)).toEqual(held(22));
    expect(seen(again.release())).toEqual(believed(22));
  });

  test('after a restart they wait anew, and further ones are measured against what there was', () => {
    const world = start().say(ill(11)).wait(20_000).restart().say(ill(12)).status({ state: 'live' });
    expect(seen(world)).toEqual(held(24));
    world.wait(CONFIRMED - 1_000);
    expect(seen(world)).toEqual(held(24));
    expect(seen(world.wait(1_000))).toEqual(believed(24));
  });

  test('while its registry is away nothing is believed', () => {
    const world = start()
      .say(ill(11))
      .status({ state: 'stale', since: 0, cause: 'refused' })
      .wait(2 * CONFIRMED);
    expect(seen(world)).toEqual(held(22));
  });

  test('with guard.holdUnhealthy: false it is believed at once, also what was held as removed', () => {
    const off = { guard: { holdUnhealthy: false } };
    expect(seen(start(off).say(ill(SERVICES)))).toEqual(believed(40));
    expect(seen(start(off).say(snapshotOf([])).say(ill(SERVICES)))).toEqual(believed(40));
  });

  test('who only comes and goes and is listed again as unhealthy is so at once', () => {
    const world = start({ guard: { flap: { ...DEFAULT_GUARD.flap, count: 1 } } });
    world.remove('s0');
    expect(world.catalog.recordOf(serviceId(one(0).key))?.retained.size).toBe(2);
    expect(seen(world.say(upsert(one(0, 'unhealthy'))))).toEqual(believed(2));
  });
});

describe('on two replicas', () => {
  afterEach(closeReplicas);

  test('the leader says when they are believed, to one that missed a write too', async () => {
    const { leader, follower } = await pair();
    const both = [leader, follower];
    for (const { catalog } of both) {
      catalog.apply(ill(0));
      catalog.apply({ kind: 'status', scope: one(0).key as never, status: { state: 'live' } });
      catalog.apply(ill(11));
    }
    leader.pass(10_000);
    for (const { catalog } of both) catalog.apply(ill(12));
    await until('it is said', () => both.every((r) => r.ledger.get('held', 'a/ns/g') !== undefined));
    follower.pass(CONFIRMED + 10_000);
    expect(state(follower.catalog)).toEqual(held(24));
    follower.store.cut = true;
    leader.pass(20_000);
    await until('the first are believed', () => state(leader.catalog).ill === 22);
    leader.pass(10_000);
    await until('the others, too', () => state(leader.catalog).ill === 24);
    follower.store.cut = false;
    await until('the follower has read that', () => state(follower.catalog).ill === 24);
    expect(state(follower.catalog)).toEqual(state(leader.catalog));
  });
});
