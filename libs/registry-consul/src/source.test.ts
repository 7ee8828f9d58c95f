import { afterEach, describe, expect, test } from '@jest/globals';
import { collect } from '@isthmus/registry/testing';
import { FakeConsul } from './testing/fake-consul.ts';
import { testSource } from './testing/fake-harness.ts';
import { DC1, patient, scenario } from './testing/scenario.ts';
import type { Scenario } from './testing/scenario.ts';

let now: Scenario | undefined;
const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  await now?.end();
  now = undefined;
  for (const end of ends.splice(0)) await end();
});

async function started(consul: FakeConsul): Promise<FakeConsul> {
  await consul.up();
  ends.push(() => consul.down());
  return consul;
}

function watching(settings: Readonly<Record<string, unknown>>, onMessage?: (atMs: number) => void) {
  const view = patient(collect(testSource(settings, onMessage)));
  ends.unshift(() => view.stop());
  return view;
}

const many = (count: number) => Array.from({ length: count }, (_, n) => `s-${n}`);
const scope = (namespace: string) => ({ ...DC1, namespace });

describe('more services than connections', () => {
  test('consul-k8s#60: all are read over a bounded number of connections, changes of those without a blocking query are found, and the scope says which limit it is', async () => {
    now = await scenario(many(60), {}, { maxConnections: 24 });
    const { consul, view, state } = now;
    await state('live');
    await view.until('the note', (v) => v.diagnostics(DC1).length === 1);
    expect(view.diagnostics(DC1)[0]?.remedy).toContain('limits.http_max_conns_per_client');
    for (const n of [3, 57]) {
      consul.catalog.put({ service: `s-${n}`, address: '10.7.7.7', port: 7777 });
      await view.until(`s-${n} has two`, (v) => v.endpoints(`s-${n}`).length === 2);
      consul.catalog.delete(`s-${n}-10.7.7.7-7777`);
      await view.until(`s-${n} has one`, (v) => v.endpoints(`s-${n}`).length === 1);
    }
    expect(consul.connections).toBeLessThanOrEqual(24);
    expect(view.status(DC1)?.state).toBe('live');
    expect(view.violations).toEqual([]);
  });

  test('a check that starts to fail is found by its name', async () => {
    now = await scenario(many(60), {}, { maxConnections: 24 });
    const { consul, view, state } = now;
    await state('live');
    consul.catalog.put({ service: 's-55', address: '10.0.0.55', port: 8080, status: 'critical' });
    await view.until('unhealthy', (v) => v.endpoints('s-55')[0]?.health === 'unhealthy');
    consul.catalog.put({ service: 's-55', address: '10.0.0.55', port: 8080, status: 'passing' });
    await view.until('healthy', (v) => v.endpoints('s-55')[0]?.health === 'healthy');
  });

  test('connections that Consul refuses cost speed, not services', async () => {
    now = await scenario(many(60), { maxConnections: 30 }, { maxConnections: 80 });
    const { consul, view, state } = now;
    await state('live');
    await view.until('the note', (v) => v.diagnostics(DC1)[0]?.what.includes('refused') === true);
    expect(view.services.size).toBe(60);
    for (const n of [1, 30, 59]) {
      consul.catalog.put({ service: `s-${n}`, address: '10.7.7.7', port: 7777 });
      await view.until(`s-${n} has two`, (v) => v.endpoints(`s-${n}`).length === 2);
    }
    expect(view.status(DC1)?.state).toBe('live');
  });
});

describe('datacenters', () => {
  test('the agent’s own is the default', async () => {
    now = await scenario(['orders'], {}, { datacenters: [] });
    await now.state('live');
    expect([...now.view.services.values()].map((service) => service.host)).toEqual(['orders.dc1.consul']);
  });

  test('one that cannot be reached is stale and does not hold up the other', async () => {
    now = await scenario(['orders'], {}, { datacenters: ['dc1', 'dc2'] });
    await now.state('live');
    await now.view.until('dc2 stale', (view) => view.status(scope('dc2'))?.state === 'stale');
    expect(now.view.status(scope('dc2'))).toMatchObject({ cause: expect.stringContaining('No path to datacenter') });
    expect(now.view.has('orders')).toBe(true);
  });

  test('while the own one’s name is unknown, the scope without a name is stale; then it is empty', async () => {
    const consul = await started(new FakeConsul());
    consul.catalog.put({ service: 'orders', address: '10.0.0.1', port: 8080 });
    await consul.down();
    const view = watching({ servers: [consul.url], datacenters: [] });
    await view.until('stale', (v) => v.status(scope(''))?.state === 'stale');
    await consul.up();
    await view.until('live', (v) => v.status(DC1)?.state === 'live');
    expect(view.status(scope(''))).toEqual({ state: 'live' });
    expect(view.violations).toEqual([]);
  });
});

describe('servers', () => {
  test('when one is gone the next is asked', async () => {
    const [first, second] = [await started(new FakeConsul()), await started(new FakeConsul())];
    for (const consul of [first, second]) consul.catalog.put({ service: 'orders', address: '10.0.0.1', port: 8080 });
    const view = watching({ servers: [first.url, second.url] });
    await view.until('live', (v) => v.status(DC1)?.state === 'live');
    await first.down();
    await view.until('stale', (v) => v.status(DC1)?.state === 'stale');
    await view.until('live again', (v) => v.status(DC1)?.state === 'live');
    expect(second.asked).not.toEqual([]);
  });
});

describe('what is read', () => {
  test('services by include and exclude, never consul itself unless it is named', async () => {
    now = await scenario(['orders', 'test-orders', 'users'], {}, { services: { include: ['*orders'], exclude: ['test-*'] } });
    await now.state('live');
    expect([...now.view.services.values()].map((service) => service.key.name)).toEqual(['orders']);
    expect(now.consul.asked.some((path) => path.startsWith('/v1/health/service/consul'))).toBe(false);
  });

  test('consul-k8s#60: an idle registry is asked again only when its wait is over', async () => {
    now = await scenario(many(20), {}, { wait: '10m', requestTimeout: '5s' });
    const { consul, view, state } = now;
    await state('live');
    await view.until('all wait', () => consul.asked.filter((path) => path.includes('index=')).length === 21);
    const waits = consul.asked.flatMap((path) => /wait=(\d+)ms/.exec(path)?.[1] ?? []).map(Number);
    expect(Math.max(...waits)).toBeLessThanOrEqual(600_000);
    expect(Math.min(...waits)).toBeGreaterThanOrEqual(540_000);
    expect(new Set(waits).size).toBeGreaterThan(15);
    expect(consul.asked.filter((path) => path.startsWith('/v1/health/service/s-0?'))).toHaveLength(2);
  });

  test('the bench is told when the last byte of an answer came', async () => {
    const consul = await started(new FakeConsul());
    consul.catalog.put({ service: 'orders', address: '10.0.0.1', port: 8080 });
    const times: number[] = [];
    const view = watching({ servers: [consul.url] }, (at) => times.push(at));
    await view.until('live', (v) => v.status(DC1)?.state === 'live');
    expect(times.length).toBeGreaterThanOrEqual(2);
    expect(Math.max(...times)).toBeLessThanOrEqual(performance.now());
  });
});
