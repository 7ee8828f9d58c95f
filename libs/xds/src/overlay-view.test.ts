import { describe, expect, test } from '@jest/globals';
import type { TypeUrl } from '@isthmus/model';
import { OverlayView } from './overlay-view.ts';
import type { ViewChange } from './resource-provider.ts';
import { SnapshotStore } from './snapshot-store.ts';

const TYPE = 'example/Type' as TypeUrl;

describe('a view on another base', () => {
  test('subscribers are told exactly what differs, and own resources stay', () => {
    const view = new OverlayView(store({ a: '1', b: '1', c: '1', own: '1' }));
    view.commit([set('own', '9')]);
    const changes: ViewChange[] = [];
    view.subscribe((change) => changes.push(change));
    const revision = view.revision;

    view.rebase(store({ a: '1', b: '2', d: '1', own: '2' }));

    expect(changes).toHaveLength(1);
    expect(texts(changes[0]?.changed)).toEqual({ b: '2', c: undefined, d: '1' });
    expect(texts(changes[0]?.removed)).toEqual({ c: '1' });
    expect(texts(new Map([[TYPE, view.resources(TYPE)]]))).toEqual({ a: '1', b: '2', d: '1', own: '9' });
    expect(view.revision).toBeGreaterThan(revision);
  });

  test('has the version that a view made of the new base has', () => {
    const view = new OverlayView(store({ a: '1' }));
    const next = store({ a: '2', b: '1' });
    view.rebase(next);
    expect(view.version(TYPE)).toBe(new OverlayView(next).version(TYPE));
  });

  test('hears of the new base only', () => {
    const old = store({ a: '1' });
    const next = store({ a: '1' });
    const view = new OverlayView(old);
    view.rebase(next);
    const changes: ViewChange[] = [];
    view.subscribe((change) => changes.push(change));
    old.commit([set('a', '2')]);
    expect(changes).toEqual([]);
    next.commit([set('a', '3')]);
    expect(texts(changes[0]?.changed)).toEqual({ a: '3' });
  });
});

describe('names that are hidden', () => {
  test('are not there, whatever the base says of them, until they are shown again', () => {
    const base = store({ a: '1', b: '1' });
    const view = new OverlayView(base);
    const told: unknown[] = [];
    view.subscribe(({ changed, removed }) => told.push([texts(changed), texts(removed)]));
    view.hide(TYPE, new Set(['b', 'later']));
    base.commit([set('b', '2'), set('later', '1'), set('c', '1')]);
    expect(told).toEqual([
      [{ b: undefined }, { b: '1' }],
      [{ c: '1' }, {}],
    ]);
    expect(texts(new Map([[TYPE, view.resources(TYPE)]]))).toEqual({ a: '1', c: '1' });
    expect([view.resources(TYPE).size, view.resources(TYPE).has('b'), view.resources(TYPE).get('b')]).toEqual([
      2,
      false,
      undefined,
    ]);
    expect(view.version(TYPE)).toBe(new OverlayView(store({ a: '1', c: '1' })).version(TYPE));

    view.rebase(store({ b: '3', c: '1' }));
    expect(told.splice(0).at(-1)).toEqual([{ a: undefined }, { a: '1' }]);
    const revision = view.revision;
    view.hide(TYPE, new Set());
    expect(told).toEqual([[{ b: '3' }, {}]]);
    expect(view.revision).toBeGreaterThan(revision);
    expect(view.version(TYPE)).toBe(store({ b: '3', c: '1' }).version(TYPE));
  });

  test('may be those of own resources, which stay, and are gone with them', () => {
    const view = new OverlayView(store({ a: '1' }));
    view.commit([set('a', '9')]);
    const told: unknown[] = [];
    view.subscribe(({ changed, removed }) => told.push([texts(changed), texts(removed)]));
    view.hide(TYPE, new Set(['a']));
    expect(told).toEqual([]);
    expect(texts(new Map([[TYPE, view.resources(TYPE)]]))).toEqual({ a: '9' });
    view.commit([{ type: TYPE, name: 'a', resource: undefined }]);
    expect(told).toEqual([[{ a: undefined }, { a: '9' }]]);
    expect(view.resources(TYPE).size).toBe(0);
  });
});

function store(versions: Readonly<Record<string, string>>): SnapshotStore {
  const made = new SnapshotStore();
  made.commit(Object.entries(versions).map(([name, version]) => set(name, version)));
  return made;
}

function set(name: string, version: string) {
  return { type: TYPE, name, resource: { name, version, bytes: Buffer.from(version) } };
}

type Types = ReadonlyMap<TypeUrl, ReadonlyMap<string, { readonly version: string } | undefined>>;

function texts(types: Types | undefined): Record<string, string | undefined> {
  return Object.fromEntries([...(types?.get(TYPE) ?? [])].map(([name, resource]) => [name, resource?.version]));
}
