import { afterEach, describe, expect, test } from '@jest/globals';
import { DC1, scenario } from './testing/scenario.ts';
import type { Scenario } from './testing/scenario.ts';
import type { Instead } from './testing/fake-consul.ts';

let now: Scenario | undefined;
afterEach(() => now?.end());

const hundredMegabytes = Buffer.alloc(100 * 1024 * 1024, ' ');
const bad: Readonly<Record<string, { readonly answer: Instead; readonly code: string; readonly says: RegExp }>> = {
  'a truncated JSON body': { answer: { body: '[{"Node":{"Node":"n1"' }, code: 'answer.invalid', says: /no complete JSON/ },
  'invalid UTF-8': { answer: { body: Buffer.from([0x5b, 0x22, 0xff, 0x22, 0x5d]) }, code: 'text.invalid', says: /UTF-8/ },
  'HTTP 200 with an HTML login page': {
    answer: { body: '<html>log in</html>', headers: { 'Content-Type': 'text/html' } },
    code: 'answer.invalid',
    says: /HTML/,
  },
  'a 100 MB answer': { answer: { body: hundredMegabytes }, code: 'answer.too-large', says: /larger than/ },
  'JSON of another shape': { answer: { body: '{"a":1}' }, code: 'answer.invalid', says: /no list/ },
};

describe('one bad answer costs one service', () => {
  for (const [what, { answer, code, says }] of Object.entries(bad)) {
    test(`${what}: the scope is partial and names it, the service stays as it was, and it heals`, async () => {
      now = await scenario(['orders', 'users']);
      const { consul, view, state } = now;
      await state('live');
      consul.instead.set('/v1/health/service/orders', answer);
      consul.catalog.put({ service: 'orders', address: '10.0.0.0', port: 8080, meta: { version: 'v2' } });
      consul.catalog.put({ service: 'users', address: '10.0.0.9', port: 8080 });
      await state('partial');
      await view.until('users', (v) => v.endpoints('users').length === 2);
      expect(view.endpoints('orders')).toHaveLength(1);
      const [diagnostic] = view.diagnostics(DC1);
      expect(diagnostic).toMatchObject({ code, where: 'hq/dc1//orders' });
      expect(diagnostic?.what).toMatch(says);
      consul.instead.clear();
      await state('live');
      expect(view.endpoints('orders')[0]?.metadata).toEqual({ version: 'v2' });
      expect(view.diagnostics(DC1)).toEqual([]);
      expect(view.violations).toEqual([]);
    });
  }

  test('at the first read the others are served, and there is no snapshot before everything could be read', async () => {
    now = await scenario(['orders', 'users'], {}, {}, (consul) => consul.instead.set('/v1/health/service/orders', { body: 'x' }));
    const { consul, view, state } = now;
    expect(await state('partial')).toContain('orders');
    expect(view.endpoints('users')).toHaveLength(1);
    expect(view.events.some((event) => event.kind === 'snapshot')).toBe(false);
    consul.instead.clear();
    await state('live');
    expect(view.endpoints('orders')).toHaveLength(1);
  });
});

describe('a bad list or a bad server makes the scope stale', () => {
  test('an HTML page instead of the list of services', async () => {
    now = await scenario(['orders']);
    const { consul, view, state } = now;
    await state('live');
    consul.instead.set('/v1/catalog/services', { body: '<html>', headers: { 'Content-Type': 'text/html' } });
    consul.catalog.put({ service: 'users', address: '10.0.0.9', port: 8080 });
    expect(await state('stale')).toContain('HTML');
    expect(view.endpoints('orders')).toHaveLength(1);
    consul.instead.clear();
    await state('live');
    expect(view.has('users')).toBe(true);
  });

  test('a body that breaks off is asked for again, not waited for', async () => {
    now = await scenario(['orders']);
    const { consul, view, state } = now;
    await state('live');
    consul.instead.set('/v1/health/service/orders', { body: '[{"Node"', cut: true });
    consul.catalog.put({ service: 'orders', address: '10.0.0.9', port: 8080 });
    await state('stale');
    consul.instead.clear();
    await state('live');
    expect(view.endpoints('orders')).toHaveLength(2);
  });

  test('a cluster without a leader deletes nothing', async () => {
    now = await scenario(['orders']);
    const { consul, view, state } = now;
    await state('live');
    consul.leader = '';
    consul.catalog.put({ service: 'orders', address: '10.0.0.9', port: 8080 });
    expect(await state('stale')).toMatch(/leader/);
    expect(view.endpoints('orders')).not.toHaveLength(0);
    consul.leader = '127.0.0.1:8300';
    await state('live');
    expect(view.endpoints('orders')).toHaveLength(2);
  });
});

test('a service whose name is no DNS name is left out and named; the scope is live', async () => {
  now = await scenario(['orders', '***']);
  const { view, state } = now;
  await state('live');
  expect(view.services.size).toBe(1);
  expect(view.diagnostics(DC1)).toMatchObject([{ code: 'host.invalid', where: 'hq/dc1//***' }]);
});

test('an answer of several megabytes is parsed beside the event loop', async () => {
  now = await scenario(['orders'], {}, {}, (consul) => {
    for (let n = 0; n < 3_000; n += 1) {
      consul.catalog.put({
        service: 'large',
        address: `10.9.${n >> 8}.${n & 255}`,
        port: 8080,
        meta: { padding: 'x'.repeat(100) },
      });
    }
  });
  const { consul, view, state } = now;
  await state('live');
  expect(view.endpoints('large')).toHaveLength(3_000);
  consul.catalog.put({ service: 'large', address: '10.10.0.1', port: 8080 });
  await view.until('the new instance', (v) => v.endpoints('large').length === 3_001);
  expect(view.violations).toEqual([]);
});
