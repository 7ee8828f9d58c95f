import http from 'node:http';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { until } from '@isthmus/model/testing';
import { AgentsWorld, orders } from './testing/agents-world.ts';
import type { Client } from './testing/stream-client.ts';

let world: AgentsWorld;
beforeEach(async () => void (world = await AgentsWorld.open()));
afterEach(() => world.close());

describe('a stream', () => {
  test('begins with the whole plan of its service and the views that its rungs need, and goes on with changes', async () => {
    world.serve('10.0.0.1');
    world.book.set('orders', ['web'], orders);
    world.book.set('payments', ['*'], { host: 'payments.shop', port: 80, rung: 'shadow', addresses: [] });
    const web = await world.connect();
    const other = await world.connect('admin');
    await until('all', () => web.events.length === 5);
    expect(web.events.map(({ event }) => event)).toEqual(['hello', 'plan', 'registrations', 'endpoints', 'view']);
    expect(web.of('plan')[0]?.data['targets']).toEqual([orders, expect.objectContaining({ rung: 'shadow' })]);
    expect(other.of('plan')[0]?.data['targets']).toHaveLength(1);
    world.serve('10.0.0.1', '10.0.0.2');
    world.book.set('orders', ['web'], { ...orders, percent: 5 });
    world.book.delete('orders');
    await until('gone', () => web.of('gone').length === 1);
    const rest = web.events.slice(5);
    expect(rest.map(({ event }) => event)).toEqual(['endpoints', 'target', 'gone']);
    expect(rest[1]?.data['target']).toMatchObject({ percent: 5 });
    expect(other.of('target')).toEqual([]);
  });

  test('tells the processes of a service what they keep out of their registries, and nobody else', async () => {
    const sdkName = 'nacos/public/DEFAULT_GROUP/orders';
    const said = (client: Client) => client.of('registrations').map(({ data }) => data['withdrawn']);
    const [own, other] = [await world.connect('orders'), await world.connect()];
    await until('both', () => said(own).length === 1 && said(other).length === 1);
    world.book.withdraw('orders', [{ service: 'orders', sdkName, isListed: false }]);
    const late = await world.connect('orders', 'b');
    await until('late', () => said(late).length === 1);
    world.book.withdraw('orders', []);
    await until('all', () => said(own).length === 3 && said(late).length === 2);
    expect([said(own), said(late), said(other)]).toEqual([[[], [sdkName], []], [[sdkName], []], [[]]]);
  });

  test('is not told at all before the ledger was read: who asks keeps what it has', async () => {
    world.isReady = false;
    expect(world.agents.refusal('web')).toEqual({ why: 'not-ready', retryAfterS: 1 });
    world.isReady = true;
    expect(world.agents.refusal('web')).toBeUndefined();
  });

  test('goes on where it was cut, and begins anew where that is not known', async () => {
    world.book.set('orders', ['web'], orders);
    const first = await world.connect();
    await until('plan', () => first.lastId !== undefined);
    const { lastId } = first;
    first.close();
    await until('closed', () => world.agents.streams.size === 0);
    for (let percent = 1; percent <= 3; percent += 1) world.book.set('orders', ['web'], { ...orders, percent });
    const again = await world.connect('web', 'a', lastId);
    await until('three', () => again.of('target').length === 3);
    expect(again.of('plan')).toEqual([]);
    for (const id of ['other.1', `${lastId?.split('.')[0]}.99`, 'nonsense']) {
      const anew = await world.connect('web', 'a', id);
      await until('plan', () => anew.of('plan').length === 1);
    }
    for (let percent = 0; percent < 600; percent += 1) world.book.set('orders', ['web'], { ...orders, percent: percent / 10 });
    const late = await world.connect('web', 'a', lastId);
    await until('plan', () => late.of('plan').length === 1);
    expect(late.of('target')).toEqual([]);
  });

  test('of a plan that returns to what it was has the version that it had, on every replica', async () => {
    world.book.set('orders', ['web'], orders);
    const web = await world.connect();
    await until('plan', () => web.of('plan').length === 1);
    world.book.set('orders', ['web'], { ...orders, rung: 'sdk' });
    world.book.set('orders', ['web'], orders);
    await until('two', () => web.of('target').length === 2);
    const [plan, down, up] = [...web.of('plan'), ...web.of('target')].map(({ data }) => data['version']);
    expect(up).toBe(plan);
    expect(down).not.toBe(plan);
  });

  test('that does not read is ended, and costs the others nothing', async () => {
    const stuck = http.get({ port: world.port, host: '127.0.0.1', headers: { service: 'web', instance: 'stuck' }, agent: false });
    const closed = new Promise<void>((resolve) => stuck.on('response', (response) => response.pause().on('close', resolve)));
    stuck.on('error', () => undefined);
    await until('it is there', () => world.agents.streams.size === 1);
    const web = await world.connect();
    const addresses = Array.from({ length: 20_000 }, (_, at) => `10.0.${at >> 8}.${at & 255}:8080`);
    for (let turn = 0; world.agents.streams.dropped === 0; turn += 1) {
      if (turn > 200) throw new Error('it was never ended');
      world.book.set('orders', ['web'], { ...orders, percent: turn % 100, addresses });
      await until('the other one reads', () => web.of('target').length === turn + 1);
    }
    stuck.destroy();
    await closed;
    expect(web.ended).toBe(false);
  }, 60_000);

  test('is refused beyond the limits, and when a service comes too fast', async () => {
    world.limits = { maxStreams: 3, maxStreamsPerService: 2, maxAgents: 100 };
    await world.connect('web', 'a');
    await world.connect('web', 'b');
    expect(world.agents.refusal('web')?.why).toBe('service-full');
    await world.connect('admin', 'c');
    expect(world.agents.refusal('admin')?.why).toBe('full');
    world.limits = { maxStreams: 100, maxStreamsPerService: 2, maxAgents: 100 };
    expect([world.agents.refusal('x'), world.agents.refusal('x'), world.agents.refusal('x')?.why]).toEqual([
      undefined,
      undefined,
      'too-fast',
    ]);
    world.now += 1_000;
    expect(world.agents.refusal('x')).toBeUndefined();
  });
});
