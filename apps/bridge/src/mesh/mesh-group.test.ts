import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, test } from '@jest/globals';
import { CLUSTER_TYPE, LISTENER_TYPE, ROUTE_TYPE } from '@isthmus/translate';
import type { ResourceView, ViewChange } from '@isthmus/xds';
import { NodeViews } from './node-views.ts';
import type { Mesh } from './open-mesh.ts';
import { MANY, RULES, SIDECAR, meshOf, publish, rulesIn, unpublish, viewFor } from './testing/mesh-of-services.ts';

describe('a new group in a large mesh', () => {
  test('is not complete at first, and complete when it says so', async () => {
    const mesh = meshOf(MANY);
    const view = viewFor(mesh, 'shop');
    expect(view.ready).toBeDefined();
    await view.ready;
    expect(view.ready).toBeUndefined();
    expect(view.resources(CLUSTER_TYPE).size).toBe(MANY);
    expect(view.resources(ROUTE_TYPE).size).toBe(1);
  });

  test('has what changed while it was filled, routes included', async () => {
    const mesh = meshOf(MANY);
    const view = viewFor(mesh, 'shop');
    publish(mesh, 'late.mesh');
    unpublish(mesh, 's0.mesh');
    await view.ready;
    for (const _ of mesh.publisher.composeRoutes());
    expect(view.resources(CLUSTER_TYPE).has('outbound|80||late.mesh')).toBe(true);
    expect(view.resources(CLUSTER_TYPE).has('outbound|80||s0.mesh')).toBe(false);
    expect(view.version(ROUTE_TYPE)).toBe(viewFor(mesh, 'isthmus').version(ROUTE_TYPE));
  });

  test.each([1, MANY])(
    'that is asked for while rules are taken shows none of them before all, with %d services',
    async (services) => {
      const mesh = meshOf(services);
      mesh.publisher.queueRules(RULES.map((after) => ({ before: undefined, after })));
      const applying = mesh.publisher.applyRules();
      for (let step = 0; step < RULES.length / 2; step += 1) applying.next();
      const view = viewFor(mesh, 'shop');
      const seen = new Set([rulesIn(view)]);
      view.subscribe(() => seen.add(rulesIn(view)));
      for (const _ of applying) {
        mesh.publisher.commit();
        await nextTurn(); // what fills the group gets its turns in between
        seen.add(rulesIn(view));
      }
      await view.ready;
      for (const _ of mesh.publisher.composeRoutes());
      seen.add(rulesIn(view));
      expect([...seen]).toEqual([0, RULES.length]);
    },
  );

  test('that was being put together while rules came shows all of them or none', async () => {
    const mesh = meshOf(MANY);
    const view = viewFor(mesh, 'shop');
    const seen = new Set<number>();
    view.subscribe(() => seen.add(rulesIn(view)));
    mesh.publisher.queueRules(RULES.map((after) => ({ before: undefined, after })));
    for (const _ of mesh.publisher.applyRules()) await nextTurn();
    await view.ready;
    for (const _ of mesh.publisher.composeRoutes());
    expect([...seen, rulesIn(view)].filter((rules) => rules !== 0 && rules !== RULES.length)).toEqual([]);
    expect(rulesIn(view)).toBe(RULES.length);
  });

  test('of a node that moves there takes over only when it is complete', async () => {
    const mesh = meshOf(MANY);
    const view = viewFor(mesh, 'isthmus', { app: 'web' });
    await view.ready;
    const gone: string[] = [];
    const changes: ViewChange[] = [];
    view.subscribe((change) => {
      changes.push(change);
      gone.push(...(change.removed.get(CLUSTER_TYPE)?.keys() ?? []));
    });
    mesh.publisher.queueRules([{ before: undefined, after: SIDECAR }]);
    for (const _ of mesh.publisher.applyRules());
    expect(gone).toEqual([]);
    await view.ready;
    expect(view.resources(CLUSTER_TYPE).has('outbound|80||s1.mesh')).toBe(true);
    expect([...view.resources(CLUSTER_TYPE).keys()]).toEqual(['outbound|80||s1.mesh']);
    expect(changes).toHaveLength(1); // moved in one change, so that a stream can order it
  });
});

test('a group that nobody is in any more is forgotten after a minute, and made again when somebody comes', () => {
  const mesh = meshOf(1);
  const timers: { readonly ms: number; readonly run: () => void }[] = [];
  const views = new NodeViews(mesh.publisher, { namespace: 'isthmus', domain: 'cluster.local' }, (ms, run) =>
    timers.push({ ms, run }),
  );
  const at = (namespace: string): ResourceView =>
    views.viewFor({ id: 'web', cluster: '', metadata: { NAMESPACE: namespace }, userAgent: '' }) as ResourceView;
  const [gone, back, stays] = [at('gone'), at('back'), at('stays')];
  const ends = [gone, back, stays].map((view) => view.subscribe(() => undefined));
  ends[0]?.();
  ends[1]?.();
  expect(timers.map(({ ms }) => ms)).toEqual([60_000]);
  back.subscribe(() => undefined);
  timers[0]?.run();
  expect(at('stays')).toBe(stays);
  expect(at('back')).toBe(back);
  expect(at('gone')).not.toBe(gone);
  publish(mesh, 'new.mesh');
  expect(gone.resources(CLUSTER_TYPE).has('outbound|80||new.mesh')).toBe(false); // nothing is translated for it any more
  expect(at('gone').resources(CLUSTER_TYPE).has('outbound|80||new.mesh')).toBe(true);
});

describe('kinds of proxies of which nobody is connected any more', () => {
  const change = (mesh: Mesh, n: number): number => {
    let steps = 0;
    const [before, after] = [RULES[n], RULES[n + 1]];
    mesh.publisher.queueRules([
      { before: undefined, after: before },
      { before, after },
    ]);
    for (const _ of mesh.publisher.applyRules()) steps += 1;
    publish(mesh, `new-${n}.mesh`);
    for (const _ of mesh.publisher.composeRoutes()) steps += 1;
    return steps;
  };

  test('cost a change no translation, however many there are', () => {
    const [alone, left] = [meshOf(3), meshOf(3)];
    const gone = Array.from({ length: 8 }, (_, n) => viewFor(left, `gone-${n}`));
    for (const view of gone) view.subscribe(() => undefined)();
    const before = gone.map(({ revision }) => revision);
    for (let n = 0; n < 5; n += 1) expect(change(left, n)).toBe(change(alone, n));
    expect(gone.map(({ revision }) => revision)).toEqual(before);
  });

  test.each([1, MANY])('are up to date for who comes back, after %d changes', async (changes) => {
    const mesh = meshOf(3);
    const view = viewFor(mesh, 'gone');
    view.subscribe(() => undefined)();
    for (let n = 0; n < changes; n += 1) publish(mesh, `later-${n}.mesh`);
    unpublish(mesh, 's0.mesh');
    change(mesh, 0);
    const again = viewFor(mesh, 'gone');
    expect(again).toBe(view);
    again.subscribe(() => undefined);
    expect(again.ready === undefined).toBe(changes === 1);
    const fresh = viewFor(mesh, 'new');
    await Promise.all([again.ready, fresh.ready]);
    for (const type of [CLUSTER_TYPE, LISTENER_TYPE, ROUTE_TYPE]) expect(again.version(type)).toBe(fresh.version(type));
    publish(mesh, 'last.mesh');
    expect(again.resources(CLUSTER_TYPE).has('outbound|80||last.mesh')).toBe(true);
  });

  test('who leaves while a kind is being filled, and comes back, has all of it', async () => {
    const mesh = meshOf(MANY);
    const view = viewFor(mesh, 'gone');
    view.subscribe(() => undefined)();
    publish(mesh, 'new.mesh');
    await view.ready;
    publish(mesh, 'newer.mesh');
    expect(view.resources(CLUSTER_TYPE).has('outbound|80||newer.mesh')).toBe(false);
    for (const _ of mesh.publisher.composeRoutes());
    const again = viewFor(mesh, 'gone');
    await again.ready;
    expect(again.resources(CLUSTER_TYPE).size).toBe(MANY + 2);
    expect(again.version(ROUTE_TYPE)).toBe(mesh.publisher.store.version(ROUTE_TYPE));
  });
});
