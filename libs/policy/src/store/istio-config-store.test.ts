import { describe, expect, test } from '@jest/globals';
import type { VirtualService } from '@isthmus/proto/istio';
import fc from 'fast-check';
import { parseCustomObject } from '../load/parse-custom-object.ts';
import { parseIstioYaml } from '../load/parse-istio-yaml.ts';
import type { ObjectChange } from '../scope/proxy-scopes.ts';
import { IstioConfigStore } from './istio-config-store.ts';

const KEY = 'VirtualService/shop/orders';
const rule = (host: string, name = 'orders') => `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: ${name}, namespace: shop }
spec: { hosts: [${host}], http: [{ route: [{ destination: { host: a } }] }] }
`;
const read = (file: string, ...texts: readonly string[]) =>
  parseIstioYaml(texts.join('---\n'), { file, defaultNamespace: 'shop' });
const hostOf = (store: IstioConfigStore, key = KEY) => (store.get(key)?.spec as VirtualService | undefined)?.hosts[0];
const said = (store: IstioConfigStore) =>
  [...store.diagnostics()].map(({ code, where, meaning }) => `${code} ${where}: ${meaning}`);

function watched(store: IstioConfigStore): ObjectChange[][] {
  const changes: ObjectChange[][] = [];
  store.onChange((change) => changes.push([...change]));
  return changes;
}

describe('a file', () => {
  test('that changes one object tells that object, before and after', () => {
    const store = new IstioConfigStore();
    store.set('a', read('a', rule('x'), rule('y', 'other')));
    const changes = watched(store);
    store.set('a', read('a', rule('z'), rule('y', 'other')));
    expect(
      changes.map((change) =>
        change.map(({ before, after }) => [(before!.spec as VirtualService).hosts, (after!.spec as VirtualService).hosts]),
      ),
    ).toEqual([[[['x'], ['z']]]]);
  });

  test('that says the same at another place tells nothing', () => {
    const store = new IstioConfigStore();
    store.set('a', read('a', rule('x')));
    const changes = watched(store);
    store.set('a', read('a', `# moved\n\n${rule('x')}`));
    expect(changes).toEqual([]);
    expect(store.get(KEY)?.place).toBe('a:3:1');
  });

  test('with a bad object keeps its last good version, and says so', () => {
    const store = new IstioConfigStore();
    store.set('a', read('a', rule('x'), rule('y', 'other')));
    const changes = watched(store);
    store.set('a', read('a', rule('"*"'), rule('y', 'other')));
    expect([hostOf(store), changes]).toEqual(['x', []]);
    expect(said(store)).toEqual(['istio.invalid a:4:17: its last good version stays in force']);
    store.set('a', read('a', rule('z'), rule('y', 'other')));
    expect([hostOf(store), said(store)]).toEqual(['z', []]);
  });

  test('with an object that never was good has none', () => {
    const store = new IstioConfigStore();
    store.set('a', read('a', rule('"*"')));
    expect([hostOf(store), said(store)]).toEqual([undefined, ['istio.invalid a:4:17: the object has no effect']]);
  });

  test('that cannot be parsed keeps all of its objects; one that is empty or gone has none', () => {
    const store = new IstioConfigStore();
    store.set('a', read('a', rule('x')));
    store.set('a', read('a', 'a: ['));
    expect(hostOf(store)).toBe('x');
    expect(said(store)[0]).toContain('what it said before stays in force');
    const changes = watched(store);
    store.set('a', read('a', ''));
    expect([hostOf(store), changes.length]).toEqual([undefined, 1]);
    store.set('a', read('a', rule('x')));
    store.set('a', undefined);
    expect(hostOf(store)).toBeUndefined();
  });
});

describe('an object in two files', () => {
  test('is that of the first by path; the other is said, and takes its place when it goes', () => {
    const store = new IstioConfigStore();
    store.set('b', read('b', rule('of-b')));
    store.set('a', read('a', rule('of-a')));
    expect(hostOf(store)).toBe('of-a');
    expect(said(store)).toEqual([
      'istio.duplicate b:1:1: that one is in force, because its place comes first; this one has no effect',
    ]);
    store.set('a', undefined);
    expect([hostOf(store), said(store)]).toEqual(['of-b', []]);
  });

  test('that moves from one to the other in one change is never gone', async () => {
    const store = new IstioConfigStore();
    store.set('b', read('b', rule('x')));
    const changes = watched(store);
    await store.setAll([
      ['b', undefined],
      ['a', read('a', rule('x'))],
    ]);
    expect([changes, hostOf(store)]).toEqual([[], 'x']);
  });
});

test('what is wrong with one kind is asked for: with what may hide objects of it, without what is known to be of another', () => {
  const store = new IstioConfigStore();
  const proxyConfig = (name: string, spec: string) =>
    `apiVersion: networking.istio.io/v1beta1\nkind: ProxyConfig\nmetadata: { name: ${name}, namespace: shop }\nspec: ${spec}\n`;
  const identity = 'apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: { name: a }\nspec: {}\n';
  store.set('a', read('a', rule('"*"'), proxyConfig('bad', '{ concurrency: x }'), identity, proxyConfig('twice', '{}')));
  store.set('b', read('b', proxyConfig('twice', '{}'), rule('x', 'twice')));
  store.set('c', read('c', 'a: ['));
  store.set('d', read('d', rule('x', 'twice')));
  store.set(
    'k8s ProxyConfig shop/far',
    parseCustomObject('ProxyConfig', { metadata: { name: 'far', namespace: 'shop' }, spec: { concurrency: -1 } }),
  );
  expect([...store.diagnostics('ProxyConfig')].map(({ code, where }) => `${code} ${where}`)).toEqual([
    'istio.invalid a:9:22',
    expect.stringMatching(/^istio\.invalid c:1:/),
    'istio.invalid k8s ProxyConfig shop/far',
    'istio.duplicate b:1:1',
  ]);
  expect([...store.diagnostics()].length).toBe(7);
});

test('more objects than it takes are left out and said, those that are there stay', () => {
  const store = new IstioConfigStore(1);
  store.set('a', read('a', rule('x'), rule('y', 'other')));
  expect([...store.objects('VirtualService')].map(({ name }) => name)).toEqual(['orders']);
  expect(said(store)[0]).toContain('istio.invalid istio:');
});

test('the objects in force depend on what the files say, not on the order in which they came', async () => {
  const files = fc.array(
    fc.tuple(
      fc.constantFrom('a', 'b', 'c'),
      fc.option(fc.array(fc.tuple(fc.constantFrom('x', 'y'), fc.constantFrom('one', 'two')), { maxLength: 3 })),
    ),
    { maxLength: 12 },
  );
  await fc.assert(
    fc.asyncProperty(files, async (steps) => {
      const incremental = new IstioConfigStore();
      const last = new Map<string, ReturnType<typeof read> | undefined>();
      const seen = new Map<string, string>();
      incremental.onChange((changes) => {
        for (const { before, after } of changes) {
          const name = (before ?? after)?.name ?? '';
          expect(seen.get(name)).toBe(before?.version);
          if (after === undefined) seen.delete(name);
          else seen.set(name, after.version);
        }
      });
      for (const [place, objects] of steps) {
        const file = objects === null ? undefined : read(place, ...objects.map(([host, name]) => rule(host, name)));
        last.set(place, file);
        incremental.set(place, file);
      }
      const fresh = new IstioConfigStore();
      await fresh.setAll([...last].reverse());
      const view = (store: IstioConfigStore) =>
        Object.fromEntries([...store.objects()].map((object) => [object.name, object.version]));
      expect(view(incremental)).toEqual(view(fresh));
      expect(Object.fromEntries(seen)).toEqual(view(fresh));
    }),
    { numRuns: 150 },
  );
});
