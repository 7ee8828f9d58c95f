import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { AgentReport, AgentTarget } from '@isthmus/contract';
import { viewHash } from '@isthmus/ladder';
import type { MeshHost, MeshService } from '@isthmus/model';
import { until } from '@isthmus/model/testing';
import { AgentTargets } from '@isthmus/plans';
import { Agents } from './agents.ts';
import type { Leader } from './forward-reports.ts';
import { VERSION } from './open-agents.ts';
import { readReport } from './read-report.ts';
import { Client } from './testing/stream-client.ts';

const orders: AgentTarget = { host: 'orders.shop', port: 80, rung: 'traffic', addresses: [] };
const HOST = 'orders.shop' as MeshHost;
const id = { host: 'orders.shop', port: 80 };

let stopped: AbortController;
let agents: Agents;
let book: AgentTargets;
let server: http.Server;
let port: number;
let now: number;
let services: Map<MeshHost, MeshService>;
let clients: Client[];
let leader: Leader;
let limits: { maxStreams: number; maxStreamsPerService: number; maxAgents: number };

beforeEach(async () => {
  stopped = new AbortController();
  services = new Map();
  clients = [];
  now = 1_000_000;
  leader = { kind: 'here' };
  limits = { maxStreams: 100, maxStreamsPerService: 50, maxAgents: 100 };
  book = new AgentTargets();
  agents = await Agents.open({
    tokens: { open: ['*'] },
    config: () => ({ open: ['*'], pingMs: 1_000, reportEveryMs: 10_000, ...limits }),
    bridge: VERSION,
    now: () => now,
    merged: (host) => services.get(host),
    leader: () => leader,
    signal: stopped.signal,
  });
  agents.follow(book);
  server = http.createServer((request, response) => {
    const { service = '', instance = '', 'last-event-id': lastId } = request.headers as Record<string, string | undefined>;
    agents.openStream(
      { service, instance, agent: '0', node: 'v0', address: '127.0.0.1', lastId, authorization: undefined },
      response,
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  port = (server.address() as AddressInfo).port;
});
afterEach(async () => {
  for (const client of clients) client.close();
  stopped.abort();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

async function connect(service = 'web', instance = 'a', lastId?: string): Promise<Client> {
  const client = new Client(port, service, instance, lastId);
  clients.push(client);
  await until('hello', () => client.of('hello').length === 1);
  return client;
}

/** The service as the catalog has it, as far as it matters here. */
function serve(...addresses: readonly string[]): void {
  const endpoints = addresses.map((address) => ({
    portName: 'http-80',
    endpoint: {
      address,
      port: 8080,
      weight: 1,
      health: 'healthy',
      protocol: 'http',
      locality: { region: '', zone: '', subzone: '' },
    },
  }));
  services.set(HOST, { ports: [{ number: 80, name: 'http-80' }], endpoints } as unknown as MeshService);
  agents.touch([HOST]);
}

const arm = (calls: number, failures = 0) => ({ calls, failures, attempts: calls, latency: [calls] });
function report(more: Partial<AgentReport> = {}, mesh = arm(0)): AgentReport {
  const planVersion = (clients[0]?.of('plan')[0]?.data['version'] as string | undefined) ?? '';
  const effective = { rung: 'traffic', percent: 100 } as const;
  const targets = [{ ...id, effective, arms: { sdk: arm(0), mesh }, breakers: [] }];
  return {
    schema: 1,
    service: 'web',
    instance: 'a',
    agent: '0.1.0',
    node: 'v24',
    planVersion,
    targets,
    diagnostics: [],
    ...more,
  };
}
const from = { address: '10.0.0.1', authorization: undefined, forwarded: false };

describe('a stream', () => {
  test('begins with the whole plan of its service and the views that its rungs need, and goes on with changes', async () => {
    serve('10.0.0.1');
    book.set('orders', ['web'], orders);
    book.set('payments', ['*'], { host: 'payments.shop', port: 80, rung: 'shadow', addresses: [] });
    const web = await connect();
    const other = await connect('admin');
    await until('all', () => web.events.length === 5);
    expect(web.events.map(({ event }) => event)).toEqual(['hello', 'plan', 'registrations', 'endpoints', 'view']);
    expect(web.of('plan')[0]?.data['targets']).toEqual([orders, expect.objectContaining({ rung: 'shadow' })]);
    expect(other.of('plan')[0]?.data['targets']).toHaveLength(1);
    serve('10.0.0.1', '10.0.0.2');
    book.set('orders', ['web'], { ...orders, percent: 5 });
    book.delete('orders');
    await until('gone', () => web.of('gone').length === 1);
    const rest = web.events.slice(5);
    expect(rest.map(({ event }) => event)).toEqual(['endpoints', 'target', 'gone']);
    expect(rest[1]?.data['target']).toMatchObject({ percent: 5 });
    expect(other.of('target')).toEqual([]);
  });

  test('tells the processes of a service what they keep out of their registries, and nobody else', async () => {
    const sdkName = 'nacos/public/DEFAULT_GROUP/orders';
    const said = (client: Client) => client.of('registrations').map(({ data }) => data['withdrawn']);
    const [own, other] = [await connect('orders'), await connect()];
    await until('both', () => said(own).length === 1 && said(other).length === 1);
    book.withdraw('orders', [{ service: 'orders', sdkName }]);
    const late = await connect('orders', 'b');
    await until('late', () => said(late).length === 1);
    book.withdraw('orders', []);
    await until('all', () => said(own).length === 3 && said(late).length === 2);
    expect([said(own), said(late), said(other)]).toEqual([[[], [sdkName], []], [[sdkName], []], [[]]]);
  });

  test('goes on where it was cut, and begins anew where that is not known', async () => {
    book.set('orders', ['web'], orders);
    const first = await connect();
    await until('plan', () => first.lastId !== undefined);
    const { lastId } = first;
    first.close();
    await until('closed', () => agents.streams.size === 0);
    for (let percent = 1; percent <= 3; percent += 1) book.set('orders', ['web'], { ...orders, percent });
    const again = await connect('web', 'a', lastId);
    await until('three', () => again.of('target').length === 3);
    expect(again.of('plan')).toEqual([]);
    for (const id of ['other.1', `${lastId?.split('.')[0]}.99`, 'nonsense']) {
      const anew = await connect('web', 'a', id);
      await until('plan', () => anew.of('plan').length === 1);
    }
    for (let percent = 0; percent < 600; percent += 1) book.set('orders', ['web'], { ...orders, percent: percent / 10 });
    const late = await connect('web', 'a', lastId);
    await until('plan', () => late.of('plan').length === 1);
    expect(late.of('target')).toEqual([]);
  });

  test('of a plan that returns to what it was has the version that it had, on every replica', async () => {
    book.set('orders', ['web'], orders);
    const web = await connect();
    await until('plan', () => web.of('plan').length === 1);
    book.set('orders', ['web'], { ...orders, rung: 'sdk' });
    book.set('orders', ['web'], orders);
    await until('two', () => web.of('target').length === 2);
    const [plan, down, up] = [...web.of('plan'), ...web.of('target')].map(({ data }) => data['version']);
    expect(up).toBe(plan);
    expect(down).not.toBe(plan);
  });

  test('that does not read is ended, and costs the others nothing', async () => {
    const stuck = http.get({ port, host: '127.0.0.1', headers: { service: 'web', instance: 'stuck' }, agent: false });
    const closed = new Promise<void>((resolve) => stuck.on('response', (response) => response.pause().on('close', resolve)));
    stuck.on('error', () => undefined);
    await until('it is there', () => agents.streams.size === 1);
    const web = await connect();
    const addresses = Array.from({ length: 20_000 }, (_, at) => `10.0.${at >> 8}.${at & 255}:8080`);
    for (let turn = 0; agents.streams.dropped === 0; turn += 1) {
      if (turn > 200) throw new Error('it was never ended');
      book.set('orders', ['web'], { ...orders, percent: turn % 100, addresses });
      await until('the other one reads', () => web.of('target').length === turn + 1);
    }
    stuck.destroy();
    await closed;
    expect(web.ended).toBe(false);
  }, 60_000);

  test('is refused beyond the limits, and when a service comes too fast', async () => {
    limits = { maxStreams: 3, maxStreamsPerService: 2, maxAgents: 100 };
    await connect('web', 'a');
    await connect('web', 'b');
    expect(agents.refusal('web')?.why).toBe('service-full');
    await connect('admin', 'c');
    expect(agents.refusal('admin')?.why).toBe('full');
    limits = { maxStreams: 100, maxStreamsPerService: 2, maxAgents: 100 };
    expect([agents.refusal('x'), agents.refusal('x'), agents.refusal('x')?.why]).toEqual([undefined, undefined, 'too-fast']);
    now += 1_000;
    expect(agents.refusal('x')).toBeUndefined();
  });
});

describe('reports', () => {
  beforeEach(() => book.set('orders', ['web'], orders));

  test('add up by service and target, and only for what plans name', async () => {
    await agents.report(report({}, arm(10, 1)), from);
    await agents.report(report({ instance: 'b' }, arm(5)), from);
    await agents.report(report({ service: 'admin' }, arm(100)), from);
    const { arms } = agents.fleet.evidenceOf(id, ['*']);
    expect([arms.mesh.calls, arms.mesh.failures, arms.mesh.attempts, arms.mesh.latency[0]]).toEqual([15, 1, 15, 15]);
    expect(agents.fleet.evidenceOf(id, ['admin']).arms.mesh.calls).toBe(0);
    book.delete('orders');
    expect(agents.fleet.evidenceOf(id, ['*']).arms.mesh.calls).toBe(0);
  });

  test('acknowledge a plan: the newest, and only what was said after it came', async () => {
    const web = await connect();
    await until('plan', () => web.of('plan').length === 1);
    const presence = () => agents.fleet.agentsOf(id, ['web'])[0];
    expect(presence()).toMatchObject({ connected: true, acknowledged: false });
    now += 10;
    await agents.report(report(), from);
    expect(presence()).toMatchObject({
      acknowledged: true,
      effective: { rung: 'traffic', percent: 100 },
      addresses: ['127.0.0.1'],
    });
    now += 10;
    book.set('orders', ['web'], { ...orders, rung: 'sdk' });
    expect(presence()?.acknowledged).toBe(false);
    now += 10;
    book.set('orders', ['web'], orders);
    expect(presence()?.acknowledged).toBe(false);
    await agents.report(report(), from);
    expect(presence()?.acknowledged).toBe(true);
  });

  test('show who is there and why a rung is lower, and who is gone for an hour', async () => {
    const web = await connect();
    const down = { ...id, effective: { rung: 'discovery', percent: 100 } as const, why: 'no sidecar', arms: { sdk: arm(0), mesh: arm(0) }, breakers: [] }; // prettier-ignore
    const said = { code: 'sidecar-lost', where: 'x', message: 'm', remedy: 'r' };
    await agents.report(report({ targets: [down], diagnostics: [said] }), from);
    expect(agents.fleet.views()).toMatchObject([
      { service: 'web', instance: 'a', connectedSince: now, targets: [{ desired: 'traffic', rung: 'discovery', why: 'no sidecar' }], diagnostics: [said] }, // prettier-ignore
    ]);
    web.close();
    await until('closed', () => agents.streams.size === 0);
    now += 60_000;
    expect(agents.fleet.views()[0]?.connectedSince).toBeUndefined();
    now += 3_600_000;
    expect(agents.fleet.views()).toEqual([]);
  });

  test('of more agents than are remembered push out those that were heard of least recently', async () => {
    limits = { ...limits, maxAgents: 5 };
    for (let at = 0; at < 50; at += 1, now += 1) await agents.report(report({ instance: `i${at}` }), from);
    expect(agents.fleet.views().map(({ instance }) => instance)).toEqual(['i45', 'i46', 'i47', 'i48', 'i49']);
    expect(agents.fleet.size).toBe(5);
  });

  test('of one process come at most five times a second for long', async () => {
    const taken = await Promise.all(Array.from({ length: 50 }, () => agents.report(report(), from)));
    expect(taken.filter((ask) => ask !== undefined)).toHaveLength(20);
    now += 2_000;
    expect(await agents.report(report(), from)).toEqual([]);
  });

  test('whose SDK sees what nobody has told yet are asked for it, once', async () => {
    serve('10.0.0.1');
    const web = await connect();
    await until('plan', () => web.of('plan').length === 1);
    const endpoints = [{ address: '10.0.0.9', port: 8080, weight: 1, healthy: true, zone: '', protocol: '' }];
    const view = { hash: viewHash(endpoints), count: 1, since: 0 };
    const seen = (more: object) => report({ targets: [{ ...(report().targets[0] as AgentReport['targets'][0]), view: { ...view, ...more } }] }); // prettier-ignore
    expect(await agents.report(seen({}), from)).toEqual([id]);
    await until('asked', () => web.of('ask').length === 1);
    expect(await agents.report(seen({ endpoints }), from)).toEqual([]);
    expect(await agents.report(seen({}), from)).toEqual([]);
    expect(agents.fleet.shadow.standing(id).processes).toBe(1);
  });

  test('of what comes in count without a gap as long as none is lost', async () => {
    const provider = {
      inbound: 10,
      unmarked: 2,
      peers: [{ address: '10.0.0.5', calls: 2 }],
      registration: 'registered' as const,
    };
    const say = async (seq: number): Promise<void> => void (await agents.report(report({ seq, provider }), from));
    await say(1);
    now += 1_000;
    await say(2);
    expect(agents.fleet.providersOf('web')).toEqual([
      { instance: 'a', connected: true, since: 1_000_000, inbound: 20, unmarked: 4, lastUnmarkedAt: now, peers: ['10.0.0.5'] },
    ]);
    now += 1_000;
    await say(4);
    expect(agents.fleet.providersOf('web')[0]).toMatchObject({ since: now, inbound: 30 });
  });

  test('that are none are told what is wrong, and fields of a newer agent are passed over', () => {
    expect(readReport({ ...report(), colour: 'blue' })).toMatchObject({ ok: true });
    for (const wrong of [
      5,
      null,
      {},
      [],
      { ...report(), schema: 2 },
      { ...report(), targets: [{}] },
      { ...report(), instance: 'x'.repeat(200) },
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
        response.end(JSON.stringify({ ask: [id] }));
      });
    });
    await new Promise<void>((resolve) => leading.listen(0, '127.0.0.1', resolve));
    try {
      leader = { kind: 'at', control: `http://127.0.0.1:${(leading.address() as AddressInfo).port}` };
      const web = await connect();
      await agents.report(report(), { ...from, authorization: 'Bearer secret' });
      await until('asked', () => web.of('ask').length === 1);
      expect(seen[0]?.headers).toMatchObject({ authorization: 'Bearer secret', 'x-isthmus-forwarded-for': '10.0.0.1' });
      expect(JSON.parse(seen[0]?.body ?? '')).toMatchObject({ service: 'web' });
      await agents.report(report(), { ...from, forwarded: true });
      expect(seen).toHaveLength(1);
    } finally {
      leading.closeAllConnections();
      await new Promise((resolve) => leading.close(resolve));
    }
    await agents.report(report(), from);
    expect(agents.diagnostics).toMatchObject([{ code: 'agent.reports', what: expect.stringContaining('ECONNREFUSED') }]);
    leader = { kind: 'unknown' };
    await agents.report(report(), from);
    expect(agents.forwarder.dropped).toBe(2);
    leader = { kind: 'here' };
    expect(agents.diagnostics).toEqual([]);
  });
});

describe('tokens', () => {
  test('speak for one service each, wrong lines are said, and one that was taken away counts no more', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'isthmus-tokens-'));
    const end = new AbortController();
    try {
      const tokensFile = join(directory, 'agents');
      const hash = (await import('node:crypto')).createHash('sha256').update('a-token-of-sixteen').digest('hex');
      await writeFile(
        tokensFile,
        `# agents\nweb  web-token-0123456789\nadmin sha256:${hash}\nshort abc\n*  everyone-0123456789\n`,
      );
      const { tokens } = await Agents.open({ ...agentParts(), tokens: { tokensFile, open: [] }, signal: end.signal });
      const web = tokens.speaker('Bearer web-token-0123456789');
      const admin = tokens.speaker('bearer a-token-of-sixteen');
      expect([web, admin]).toEqual([{ kind: 'service', service: 'web' }, { kind: 'service', service: 'admin' }]); // prettier-ignore
      expect(web !== undefined && [tokens.mayBe(web, 'web'), tokens.mayBe(web, 'admin')]).toEqual([true, false]);
      for (const wrong of [undefined, '', 'Bearer x', 'Bearer everyone-0123456789', `Bearer ${hash}`, 'Basic d2Vi'])
        expect(tokens.speaker(wrong)).toBeUndefined();
      expect(tokens.diagnostics.map(({ what }) => what)).toEqual([4, 5].map((line) => `line ${line} is no \`SERVICE TOKEN\``));
      await writeFile(tokensFile, 'web  another-token-0123456789\n');
      await until('it is read', () => tokens.speaker('Bearer another-token-0123456789') !== undefined);
      expect(tokens.speaker('Bearer web-token-0123456789')).toBeUndefined();
    } finally {
      end.abort();
      await rm(directory, { recursive: true, force: true });
    }
  });

  test('without which nobody may come unless a service is open', async () => {
    const closed = await Agents.open({ ...agentParts(), tokens: { open: [] } });
    expect(closed.speaker(undefined)).toBeUndefined();
    const open = await Agents.open({ ...agentParts(), tokens: { open: ['web'] } });
    const anyone = open.speaker(undefined);
    expect(anyone !== undefined && [open.mayBe(anyone, 'web'), open.mayBe(anyone, 'admin')]).toEqual([true, false]);
    expect(open.speaker('Bearer anything-at-all-0123')).toBeUndefined();
  });

  function agentParts() {
    const config = () => ({ open: [], pingMs: 1_000, reportEveryMs: 10_000, ...limits });
    return { config, bridge: '0', now: () => now, merged: () => undefined, leader: () => leader, signal: stopped.signal };
  }
});

test('the bridge tells agents the version that it is', async () => {
  const manifest = JSON.parse(await readFile(join(import.meta.dirname, '../../../../package.json'), 'utf8')) as {
    version: string;
  };
  expect(VERSION).toBe(manifest.version);
});
