import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { AgentReport } from '@isthmus/contract';
import { viewHash } from '@isthmus/ladder';
import { until } from '@isthmus/model/testing';
import { readReport } from './read-report.ts';
import { AgentsWorld, arm, from, orders, ordersId } from './testing/agents-world.ts';

let world: AgentsWorld;
beforeEach(async () => void (world = await AgentsWorld.open()));
afterEach(() => world.close());

describe('reports', () => {
  beforeEach(() => world.book.set('orders', ['web'], orders));

  test('add up by service and target, and only for what plans name', async () => {
    await world.agents.report(world.report({}, arm(10, 1)), from);
    await world.agents.report(world.report({ instance: 'b' }, arm(5)), from);
    await world.agents.report(world.report({ service: 'admin' }, arm(100)), from);
    const { arms } = world.agents.fleet.evidenceOf(ordersId, ['*']);
    expect([arms.mesh.calls, arms.mesh.failures, arms.mesh.attempts, arms.mesh.latency[0]]).toEqual([15, 1, 15, 15]);
    expect(world.agents.fleet.evidenceOf(ordersId, ['admin']).arms.mesh.calls).toBe(0);
    world.book.delete('orders');
    expect(world.agents.fleet.evidenceOf(ordersId, ['*']).arms.mesh.calls).toBe(0);
  });

  test('acknowledge a plan: the newest, and only what was said after it came', async () => {
    const web = await world.connect();
    await until('plan', () => web.of('plan').length === 1);
    const presence = () => world.agents.fleet.agentsOf(ordersId, ['web'])[0];
    expect(presence()).toMatchObject({ connected: true, acknowledged: false });
    world.now += 10;
    await world.agents.report(world.report(), from);
    expect(presence()).toMatchObject({
      acknowledged: true,
      effective: { rung: 'traffic', percent: 100 },
      addresses: ['127.0.0.1'],
    });
    world.now += 10;
    world.book.set('orders', ['web'], { ...orders, rung: 'sdk' });
    expect(presence()).toMatchObject({ acknowledged: false, acknowledgedAt: world.now - 10 });
    world.now += 10;
    world.book.set('orders', ['web'], orders);
    expect(presence()?.acknowledged).toBe(false);
    await world.agents.report(world.report(), from);
    expect(presence()?.acknowledged).toBe(true);
  });

  test('show who is there and why a rung is lower, and who is gone for an hour', async () => {
    const web = await world.connect();
    const down = { ...ordersId, effective: { rung: 'discovery', percent: 100 } as const, why: 'no sidecar', arms: { sdk: arm(0), mesh: arm(0) }, breakers: [] }; // prettier-ignore
    const said = { code: 'sidecar-lost', where: 'x', message: 'm', remedy: 'r' };
    await world.agents.report(world.report({ targets: [down], diagnostics: [said] }), from);
    expect(world.agents.fleet.views()).toMatchObject([
      { service: 'web', instance: 'a', connectedSince: world.now, targets: [{ desired: 'traffic', rung: 'discovery', why: 'no sidecar' }], diagnostics: [said] }, // prettier-ignore
    ]);
    web.close();
    await until('closed', () => world.agents.streams.size === 0);
    world.now += 60_000;
    expect(world.agents.fleet.views()[0]?.connectedSince).toBeUndefined();
    world.now += 3_600_000;
    expect(world.agents.fleet.views()).toEqual([]);
  });

  test('of more agents than are remembered push out those that were heard of least recently', async () => {
    world.limits = { ...world.limits, maxAgents: 5 };
    for (let at = 0; at < 50; at += 1, world.now += 1) await world.agents.report(world.report({ instance: `i${at}` }), from);
    expect(world.agents.fleet.views().map(({ instance }) => instance)).toEqual(['i45', 'i46', 'i47', 'i48', 'i49']);
    expect(world.agents.fleet.size).toBe(5);
  });

  test('of one process come at most five times a second for long', async () => {
    const taken = await Promise.all(Array.from({ length: 50 }, () => world.agents.report(world.report(), from)));
    expect(taken.filter((ask) => ask !== undefined)).toHaveLength(20);
    world.now += 2_000;
    expect(await world.agents.report(world.report(), from)).toEqual([]);
  });

  test('whose SDK sees what nobody has told yet are asked for it, once', async () => {
    world.serve('10.0.0.1');
    const web = await world.connect();
    await until('plan', () => web.of('plan').length === 1);
    const endpoints = [{ address: '10.0.0.9', port: 8080, weight: 1, healthy: true, zone: '', protocol: '' }];
    const view = { hash: viewHash(endpoints), count: 1, since: 0 };
    const seen = (more: object) => world.report({ targets: [{ ...(world.report().targets[0] as AgentReport['targets'][0]), view: { ...view, ...more } }] }); // prettier-ignore
    expect(await world.agents.report(seen({}), from)).toEqual([ordersId]);
    await until('asked', () => web.of('ask').length === 1);
    expect(await world.agents.report(seen({ endpoints }), from)).toEqual([]);
    expect(await world.agents.report(seen({}), from)).toEqual([]);
    expect(world.agents.fleet.shadow.standing(ordersId).processes).toBe(1);
  });

  test('of what comes in count without a gap as long as none is lost', async () => {
    const provider = {
      inbound: 10,
      unmarked: 2,
      peers: [{ address: '10.0.0.5', calls: 2 }],
      registration: 'registered' as const,
    };
    const say = async (seq: number): Promise<void> => void (await world.agents.report(world.report({ seq, provider }), from));
    await say(1);
    world.now += 1_000;
    await say(2);
    expect(world.agents.fleet.providersOf('web')).toEqual([
      {
        instance: 'a',
        connected: true,
        since: 1_000_000,
        inbound: 20,
        unmarked: 4,
        lastUnmarkedAt: world.now,
        peers: ['10.0.0.5'],
      },
    ]);
    world.now += 1_000;
    await say(4);
    expect(world.agents.fleet.providersOf('web')[0]).toMatchObject({ since: world.now, inbound: 30 });
  });

  test('that are none are told what is wrong, and fields of a newer agent are passed over', () => {
    expect(readReport({ ...world.report(), colour: 'blue' })).toMatchObject({ ok: true });
    for (const wrong of [
      5,
      null,
      {},
      [],
      { ...world.report(), schema: 2 },
      { ...world.report(), targets: [{}] },
      { ...world.report(), instance: 'x'.repeat(200) },
    ])
      expect(readReport(wrong)).toMatchObject({ ok: false });
  });

  test('go on to the replica that leads, with their token, and what it asks comes back by the stream', async () => {
    const seen: { headers: http.IncomingHttpHeaders; body: string }[] = [];
    const leading = http.createServer((request, response) => {
      let body = '';
      request.on('data', (chunk: Buffer) => (body += chunk.toString()));
      request.on('end', () => {
        seen.push({ headers: request.headers, body });
        response.end(JSON.stringify({ ask: [ordersId] }));
      });
    });
    await new Promise<void>((resolve) => leading.listen(0, '127.0.0.1', resolve));
    try {
      world.leader = { kind: 'at', control: `http://127.0.0.1:${(leading.address() as AddressInfo).port}` };
      const web = await world.connect();
      await world.agents.report(world.report(), { ...from, authorization: 'Bearer secret' });
      await until('asked', () => web.of('ask').length === 1);
      expect(seen[0]?.headers).toMatchObject({ authorization: 'Bearer secret', 'x-isthmus-forwarded-for': '10.0.0.1' });
      expect(JSON.parse(seen[0]?.body ?? '')).toMatchObject({ service: 'web' });
      await world.agents.report(world.report(), { ...from, forwarded: true });
      expect(seen).toHaveLength(1);
    } finally {
      leading.closeAllConnections();
      await new Promise((resolve) => leading.close(resolve));
    }
    await world.agents.report(world.report(), from);
    expect(world.agents.diagnostics).toMatchObject([{ code: 'agent.reports', what: expect.stringContaining('ECONNREFUSED') }]);
    world.leader = { kind: 'unknown' };
    await world.agents.report(world.report(), from);
    expect(world.agents.forwarder.dropped).toBe(2);
    world.leader = { kind: 'here' };
    expect(world.agents.diagnostics).toEqual([]);
  });
});
