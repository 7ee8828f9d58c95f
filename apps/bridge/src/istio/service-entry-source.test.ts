import { afterEach, describe, expect, test } from '@jest/globals';
import { IstioConfigStore, parseIstioYaml } from '@isthmus/policy';
import { collect } from '@isthmus/registry/testing';
import type { Collector } from '@isthmus/registry/testing';
import fc from 'fast-check';
import { ISTIO_SOURCE, ServiceEntrySource } from './service-entry-source.ts';

const read = (text: string) => parseIstioYaml(text, { file: 'a', defaultNamespace: 'shop' });
const object = (kind: string, name: string, spec: object) =>
  `${JSON.stringify({ apiVersion: 'networking.istio.io/v1', kind, metadata: { name, labels: { team: 'a' } }, spec })}\n`;
const entry = (name: string, spec: object = {}) =>
  object('ServiceEntry', name, {
    hosts: [`${name}.example.com`],
    ports: [{ number: 80, name: 'http', protocol: 'HTTP', targetPort: 8080 }],
    resolution: 'STATIC',
    endpoints: [{ address: '10.0.0.1' }],
    ...spec,
  });
const workload = (name: string, address: string, app: string) => object('WorkloadEntry', name, { address, labels: { app } });
const chosen = entry('chosen', { endpoints: undefined, workloadSelector: { labels: { app: 'a' } } });

const scope = { source: ISTIO_SOURCE, namespace: '', group: '' };
const open: Collector[] = [];
afterEach(async () => {
  await Promise.all(open.map((view) => view.stop()));
  expect(open.splice(0).flatMap((view) => view.violations)).toEqual([]);
});

function follow(store: IstioConfigStore, loaded = Promise.resolve()): Collector {
  const view = collect(new ServiceEntrySource(store, loaded, { meshId: 'shop' }));
  open.push(view);
  return view;
}

const addresses = (view: Collector, host: string) =>
  [...view.services.values()].find(({ key }) => key.name === host)?.endpoints.map(({ address, port }) => `${address}:${port}`);

describe('services of ServiceEntries', () => {
  test('are not those that this mesh has written itself', async () => {
    const store = new IstioConfigStore();
    store.set('a', read(`${entry('own').replace('"team":"a"', '"isthmus.dev/mesh":"shop"')}---\n${entry('other')}`));
    const view = follow(store);
    await view.until('one service', () => view.services.size > 0);
    expect([...view.services.values()].map(({ host }) => host)).toEqual(['other.example.com']);
  });

  test('are records that declare what only a ServiceEntry says', async () => {
    const store = new IstioConfigStore();
    store.set('a', read(entry('api', { addresses: ['10.9.0.0/16', '10.9.0.1'], subjectAltNames: ['san'], exportTo: ['.'] })));
    const view = follow(store);
    await view.until('one service', () => view.services.size === 1);
    const [record] = view.services.values();
    expect(record).toMatchObject({
      host: 'api.example.com',
      vip: '10.9.0.1',
      meshNamespace: 'shop',
      exportTo: ['.'],
      ports: [{ number: 80, name: 'http', protocol: 'http', targetPort: 8080 }],
      declared: {
        resolution: 'static',
        addresses: ['10.9.0.0/16', '10.9.0.1'],
        external: true,
        createdAt: 0,
        labels: { team: 'a' },
        subjectAltNames: ['san'],
      },
    });
    expect(addresses(view, 'api.example.com')).toEqual(['10.0.0.1:8080']);
  });

  test('may be wildcards without addresses', async () => {
    const store = new IstioConfigStore();
    store.set('a', read(entry('any', { hosts: ['*.example.com'], resolution: 'NONE', endpoints: undefined })));
    const view = follow(store);
    await view.until('one service', () => view.services.size === 1);
    expect([...view.services.values()][0]).toMatchObject({
      host: '*.example.com',
      endpoints: [],
      declared: { resolution: 'none' },
    });
  });

  test('follow changes, and only those of the hosts that changed are told', async () => {
    const store = new IstioConfigStore();
    store.set('a', read(entry('one')));
    store.set('b', read(entry('two')));
    const view = follow(store);
    await view.until('two services', () => view.services.size === 2);
    const before = [...view.services.values()].find(({ key }) => key.name === 'two.example.com');
    store.set('a', read(entry('one', { endpoints: [{ address: '10.0.0.2' }] })));
    await view.until('the new address', () => addresses(view, 'one.example.com')?.join() === '10.0.0.2:8080');
    expect([...view.services.values()].find(({ key }) => key.name === 'two.example.com')).toBe(before);
    store.set('a', undefined);
    await view.until('the other alone', () => view.services.size === 1);
  });

  test('have the WorkloadEntries of their namespace that they select, as those come and go', async () => {
    const store = new IstioConfigStore();
    store.set('a', read(`${chosen}---\n${workload('w1', '10.0.1.1', 'a')}---\n${workload('w2', '10.0.1.2', 'b')}`));
    const view = follow(store);
    await view.until('the first workload', () => addresses(view, 'chosen.example.com')?.join() === '10.0.1.1:8080');
    store.set('b', read(workload('w3', '10.0.1.3', 'a')));
    await view.until('two workloads', () => addresses(view, 'chosen.example.com')?.length === 2);
    store.set('a', read(`${chosen}---\n${workload('w1', '10.0.1.1', 'other')}`));
    await view.until('the last workload', () => addresses(view, 'chosen.example.com')?.join() === '10.0.1.3:8080');
  });

  test('keep the endpoints of the others as they were when one of many workloads comes', async () => {
    const store = new IstioConfigStore();
    const some = Array.from({ length: 20 }, (_, at) => workload(`w${at}`, `10.0.2.${at}`, 'a'));
    store.set('a', read([chosen, ...some].join('---\n')));
    const view = follow(store);
    const endpoints = () => [...view.services.values()].flatMap((record) => record.endpoints);
    await view.until('all', () => endpoints().length === 20);
    const before = endpoints();
    store.set('b', read(workload('another', '10.0.1.1', 'a')));
    await view.until('one more', () => endpoints().length === 21);
    expect(before.filter((endpoint) => !endpoints().includes(endpoint))).toEqual([]);
  });

  test('are the same as those of a source that begins now, whatever came and went', async () => {
    const apps = fc.constantFrom('a', 'b', 'c');
    const place = fc.oneof(
      fc.tuple(fc.constantFrom('w1', 'w2', 'w3'), fc.constantFrom('10.0.1.1', '10.0.1.2'), apps).map((one) => workload(...one)),
      apps.map((app) => entry('chosen', { endpoints: undefined, workloadSelector: { labels: { app } } })),
      fc.constant(entry('chosen')),
      fc.constant(undefined),
    );
    const steps = fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c', 'd'), place), { minLength: 1, maxLength: 12 });
    const records = (view: Collector) => [...view.services.values()].sort((a, b) => (a.host < b.host ? -1 : 1));
    const isLive = (view: Collector) => view.until('it is live', () => view.status(scope)?.state === 'live');
    await fc.assert(
      fc.asyncProperty(steps, async (all) => {
        const store = new IstioConfigStore();
        const view = follow(store);
        await isLive(view);
        for (const [file, text] of all) store.set(file, text === undefined ? undefined : read(text));
        store.set('last', read(entry('last')));
        await view.until('the last', () => addresses(view, 'last.example.com') !== undefined);
        const anew = follow(store);
        await isLive(anew);
        expect(records(view)).toEqual(records(anew));
        await Promise.all(open.splice(0).map((one) => one.stop()));
      }),
      { numRuns: 30 },
    );
  });

  test('are not told before everything was read: nothing would look like "removed"', async () => {
    const store = new IstioConfigStore();
    const { promise, resolve } = Promise.withResolvers<void>();
    const view = follow(store, promise);
    store.set('a', read(entry('one')));
    await view.until('a status', () => view.status(scope) !== undefined);
    expect(view.status(scope)).toEqual({ state: 'syncing' });
    resolve();
    await view.until('the service', () => view.services.size === 1);
  });
});
