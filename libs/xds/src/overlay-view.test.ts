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
