import { describe, expect, test } from '@jest/globals';
import type { Resource } from '@isthmus/model';
import fc from 'fast-check';
import { OverlayView } from './overlay-view.ts';
import type { ViewChange } from './resource-provider.ts';
import { SnapshotStore } from './snapshot-store.ts';
import type { ResourceChange } from './snapshot-store.ts';

const resource = (name: string, version = '1'): Resource => ({ name, version, bytes: Buffer.from(name + version) });
const set = (name: string, version = '1', type = 'T'): ResourceChange => ({ type, name, resource: resource(name, version) });
const unset = (name: string, type = 'T'): ResourceChange => ({ type, name, resource: undefined });
const versions = (view: { resources(type: string): ReadonlyMap<string, Resource> }): Record<string, string> =>
  Object.fromEntries([...view.resources('T')].map(([name, { version }]) => [name, version]));

const anyChanges = fc.array(
  fc.record({
    name: fc.constantFrom('a', 'b', 'c', 'd'),
    version: fc.option(fc.constantFrom('1', '2', '3'), { nil: undefined }),
  }),
);
const changesOf = (changes: readonly { name: string; version: string | undefined }[]): ResourceChange[] =>
  changes.map(({ name, version }) => (version === undefined ? unset(name) : set(name, version)));

describe('a snapshot store', () => {
  test('has a version that depends on the content alone, not on the way there', () => {
    fc.assert(
      fc.property(anyChanges, (changes) => {
        const grown = new SnapshotStore();
        for (const change of changesOf(changes)) grown.commit([change]);
        const fresh = new SnapshotStore(['T']);
        fresh.commit(
          [...grown.resources('T').values()].toReversed().map((one) => ({ type: 'T', name: one.name, resource: one })),
        );
        expect(grown.version('T')).toBe(fresh.version('T'));
      }),
    );
  });

  test('tells different contents apart', () => {
    const seen = new Set<string>();
    for (const content of [[], [set('a')], [set('b')], [set('a', '2')], [set('a'), set('b')], [set('a', 'b')], [set('ab', '')]]) {
      const store = new SnapshotStore();
      store.commit(content);
      seen.add(store.version('T'));
    }
    expect(seen.size).toBe(7);
  });

  test('suppresses what changes nothing', () => {
    const store = new SnapshotStore();
    store.commit([set('a')]);
    const changes: ViewChange[] = [];
    store.subscribe((change) => changes.push(change));
    expect(store.commit([set('a'), unset('x')])).toBeUndefined();
    expect(changes).toEqual([]);
    expect(store.revision).toBe(1);
  });

  test('tells its subscribers what changed and what went, after it is visible', () => {
    const store = new SnapshotStore();
    store.commit([set('a'), set('b')]);
    const seen: unknown[] = [];
    const stop = store.subscribe(({ revision, changed, removed }) => {
      seen.push([revision, [...changed.get('T')!.keys()], [...removed.get('T')!.keys()], versions(store)]);
    });
    store.commit([set('a', '2'), unset('b')]);
    stop();
    store.commit([set('c')]);
    expect(seen).toEqual([[2, ['a', 'b'], ['b'], { a: '2' }]]);
  });

  test('answers a declared type without resources as empty, and with a version', () => {
    const store = new SnapshotStore(['T', 'U']);
    expect(store.resources('U').size).toBe(0);
    expect(store.version('U')).toBe(store.version('T'));
    expect(store.types).toEqual(['T', 'U']);
  });
});

describe('an overlay', () => {
  test('reads and versions like one store with the content of both', () => {
    fc.assert(
      fc.property(anyChanges, anyChanges, (below, above) => {
        const base = new SnapshotStore();
        const overlay = new OverlayView(base);
        const mirror = new Map<string, string | undefined>();
        overlay.subscribe(({ changed }) => changed.get('T')?.forEach((one, name) => mirror.set(name, one?.version)));
        for (let i = 0; i < Math.max(below.length, above.length); i += 1) {
          base.commit(changesOf(below.slice(i, i + 1)));
          overlay.commit(changesOf(above.slice(i, i + 1)));
        }
        const flat = new SnapshotStore();
        flat.commit([...overlay.resources('T').values()].map((one) => ({ type: 'T', name: one.name, resource: one })));
        expect(overlay.version('T')).toBe(flat.version('T'));
        expect(overlay.resources('T').size).toBe(flat.resources('T').size);
        // Whoever follows the changes has the same content.
        expect(Object.fromEntries([...mirror].filter(([, version]) => version !== undefined))).toEqual(versions(overlay));
      }),
    );
  });

  test('hides the base’s resource of the same name, and shows it again', () => {
    const base = new SnapshotStore();
    const overlay = new OverlayView(base);
    const seen: unknown[] = [];
    overlay.subscribe(({ changed, removed }) =>
      seen.push([changed.get('T')?.get('a')?.version, removed.get('T')?.has('a') ?? false]),
    );
    base.commit([set('a', 'base')]);
    overlay.commit([set('a', 'own')]);
    base.commit([set('a', 'hidden')]);
    overlay.commit([unset('a')]);
    base.commit([unset('a')]);
    expect(seen).toEqual([
      ['base', false],
      ['own', false],
      ['hidden', false],
      [undefined, true],
    ]);
  });

  test('follows its base no longer when it is closed', () => {
    const base = new SnapshotStore();
    const overlay = new OverlayView(base);
    let calls = 0;
    overlay.subscribe(() => (calls += 1));
    overlay.close();
    base.commit([set('a')]);
    expect(calls).toBe(0);
  });
});
