import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from '@jest/globals';
import { DC1, scenario } from './testing/scenario.ts';
import type { Scenario } from './testing/scenario.ts';

/** A self-signed certificate for localhost and 127.0.0.1, made for this test only. */
const dir = join(import.meta.dirname, 'testdata', 'tls');
const tls = { key: readFileSync(join(dir, 'localhost-key.pem')), cert: readFileSync(join(dir, 'localhost.pem')) };
const trusting = { tls: { caFile: join(dir, 'localhost.pem') } };

let now: Scenario | undefined;
afterEach(() => now?.end());

describe('https', () => {
  test('hundreds of services wait on a handful of connections', async () => {
    const names = Array.from({ length: 300 }, (_, n) => `s-${n}`);
    now = await scenario(names, { tls, maxConnections: 30 }, { ...trusting, maxConnections: 24 });
    const { consul, view, state } = now;
    await state('live');
    for (const n of [0, 299]) {
      consul.catalog.put({ service: `s-${n}`, address: '10.7.7.7', port: 7777 });
      await view.until(`s-${n} has two`, (v) => v.endpoints(`s-${n}`).length === 2);
    }
    expect(consul.connections).toBeLessThanOrEqual(3);
    expect(view.diagnostics(DC1)).toEqual([]);
    expect(view.violations).toEqual([]);
  });

  test('a connection that ends is a stale scope that recovers', async () => {
    now = await scenario(['orders'], { tls }, trusting);
    const { consul, view, state } = now;
    await state('live');
    await consul.down();
    expect(await state('stale')).toMatch(/cannot be reached/);
    await consul.up();
    await state('live');
    expect(view.endpoints('orders')).toHaveLength(1);
  });

  test('an answer that is too large is refused while it is read', async () => {
    now = await scenario(['orders', 'users'], { tls }, trusting);
    const { consul, view, state } = now;
    await state('live');
    consul.instead.set('/v1/health/service/orders', { body: Buffer.alloc(40 * 1024 * 1024, ' ') });
    consul.catalog.put({ service: 'orders', address: '10.0.0.9', port: 8080 });
    await state('partial');
    expect(view.diagnostics(DC1)).toMatchObject([{ code: 'answer.too-large', where: 'hq/dc1//orders' }]);
    expect(view.endpoints('orders')).toHaveLength(1);
  });

  test('a certificate that is not trusted is a stale scope that says so', async () => {
    now = await scenario(['orders'], { tls });
    expect(await now.state('stale')).toMatch(/self.signed certificate/i);
  });
});
