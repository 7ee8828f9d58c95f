import { afterEach, describe, expect, test } from '@jest/globals';
import { FakeCatalog } from './testing/fake-catalog.ts';
import { DC1, scenario } from './testing/scenario.ts';
import type { Scenario } from './testing/scenario.ts';

let now: Scenario | undefined;
afterEach(() => now?.end());

process.env['CONSUL_TEST_RIGHT'] = 'right';
const auth = { auth: { tokenEnv: 'CONSUL_TEST_RIGHT' } };

describe('what Consul hides is not gone', () => {
  for (const streaming of [false, true]) {
    test(`a service that the token may not see any more stays, and the scope says so (${streaming ? 'streaming' : 'plain'} answers)`, async () => {
      now = await scenario(['orders', 'users'], { token: 'right', streaming }, auth);
      const { consul, view, state } = now;
      await state('live');
      consul.hidden.add('orders');
      consul.catalog.put({ service: 'orders', address: '10.0.0.0', port: 8080, meta: { version: 'v2' } });
      consul.catalog.put({ service: 'users', address: '10.0.0.9', port: 8080 });
      await state('partial');
      await view.until('users', (v) => v.endpoints('users').length === 2);
      expect(view.endpoints('orders')).toHaveLength(1);
      expect(view.diagnostics(DC1).map((d) => d.code)).toContain('registry.partial');
      consul.hidden.clear();
      consul.catalog.put({ service: 'orders', address: '10.0.0.0', port: 8080, meta: { version: 'v3' } });
      await state('live');
      await view.until('v3', (v) => v.endpoints('orders')[0]?.metadata['version'] === 'v3');
      expect(view.violations).toEqual([]);
    });
  }

  test('without a token, where nothing may be seen, the scope is partial and not empty', async () => {
    now = await scenario(['orders'], { token: 'right' });
    const { view, state } = now;
    expect(await state('partial')).toMatch(/token/);
    expect(view.events.some((event) => event.kind === 'snapshot')).toBe(false);
    expect(view.diagnostics(DC1)[0]?.remedy).toContain('auth.tokenFile');
  });

  test('a token that is deleted is stale, with the cause, and loses nothing', async () => {
    now = await scenario(['orders'], { token: 'right' }, auth);
    const { consul, view, state } = now;
    await state('live');
    consul.instead.set('/v1/', { status: 403, headers: { 'Content-Type': 'text/plain' }, body: 'ACL not found' });
    consul.catalog.put({ service: 'orders', address: '10.0.0.9', port: 8080 });
    expect(await state('stale')).toMatch(/ACL token.*ACL not found/);
    expect(view.endpoints('orders')).toHaveLength(1);
  });

  test('a token that is configured but not there is stale, with what to do', async () => {
    now = await scenario(['orders'], {}, { auth: { tokenFile: 'no/such/file' } });
    expect(await now.state('stale')).toMatch(/secret file .*no\/such\/file.* Try: /);
  });
});

describe('an index that goes backwards', () => {
  test('is a Consul that was restored: nothing goes before the grace, then by a complete read', async () => {
    now = await scenario(['orders', 'users'], {}, { restartGrace: '500ms' });
    const { consul, view, state } = now;
    await state('live');
    for (let n = 0; n < 50; n += 1)
      consul.catalog.put({ service: 'orders', address: '10.0.0.0', port: 8080, meta: { n: String(n) } });
    await view.until('n 49', (v) => v.endpoints('orders')[0]?.metadata['n'] === '49');
    await consul.down();
    consul.catalog = new FakeCatalog();
    consul.catalog.put({ service: 'orders', address: '10.0.0.7', port: 8080 });
    await consul.up();
    expect(await state('stale')).not.toBe('');
    await view.until('what came back, beside what has not', (v) => v.endpoints('orders').length === 2);
    expect(view.has('users')).toBe(true);
    await state('live');
    expect(view.endpoints('orders').map((endpoint) => endpoint.address)).toEqual(['10.0.0.7']);
    expect(view.has('users')).toBe(false);
    expect(view.violations).toEqual([]);
  });
});
