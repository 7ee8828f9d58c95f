import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals';
import type { DiagnosticList, HeldView, ItemList, PublicationList } from '@isthmus/contract';
import { until } from '@isthmus/model/testing';
import { startConsul, startEureka } from '@isthmus/servers';
import type { ConsulServer, EnvoyServer, EurekaServer } from '@isthmus/servers';
import { Backend } from './support/backend.ts';
import { BridgeProcess } from './support/bridge.ts';
import { startCli } from './support/cli.ts';
import { callEgress } from './support/egress.ts';
import { hostsOf, startSidecar } from './support/envoy.ts';
import { EurekaClient } from './support/eureka-client.ts';
import { HeadLog } from './support/head-log.ts';
import { PassingLog } from './support/passing-log.ts';
import { TcpProxy } from './support/tcp-proxy.ts';
import { MCP_TYPES, ReplicaSet, XDS_TYPES } from './support/replica-set.ts';
import { XdsView } from './support/xds-view.ts';

jest.setTimeout(240_000);

const LEASE_S = 3;
const TOKEN = 'a-token-that-all-replicas-accept';

describe('two replicas on one Consul', () => {
  let consul: ConsulServer;
  let eureka: EurekaServer;
  let registry: EurekaClient;
  let directory: string;
  let envoy: EnvoyServer<'egress'>;
  let backend: Backend;
  let log: HeadLog;
  let sdk: PassingLog;
  const proxies: TcpProxy[] = [];
  const bridges: BridgeProcess[] = [];
  const views: XdsView[] = [];
  /** To the store. */
  const wayOf = (bridge: BridgeProcess) => proxies[bridges.indexOf(bridge)] as TcpProxy;

  const replicas = new ReplicaSet(bridges);
  const leads = () => replicas.leader();
  const follows = async () => {
    const leader = await leads();
    return bridges.find((bridge) => bridge !== leader) as BridgeProcess;
  };
  const view = (types: readonly string[]): XdsView => {
    const made = new XdsView(types);
    views.push(made);
    return made;
  };
  const hostsIn = async (bridge: BridgeProcess) => (await replicas.hosts(bridge, '.eureka')).map(({ host }) => host);

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'isthmus-replicas-'));
    await writeFile(join(directory, 'tokens'), `${TOKEN}\n`);
    [consul, eureka, backend] = await Promise.all([startConsul(), startEureka(), Backend.start('orders')]);
    registry = new EurekaClient(eureka.ports.http);
    await registry.register('orders', backend.port);
    for (let i = 0; i < 20; i += 1) await registry.register(`service-${i}`, 10_000 + i);
    log = new HeadLog(consul.ports.http, 'isthmus/test');
    sdk = new PassingLog(consul.ports.http, 'orders');
    for (let i = 0; i < 2; i += 1) {
      const proxy = await TcpProxy.start(consul.ports.http);
      proxies.push(proxy);
      const registries = [
        {
          name: 'old',
          kind: 'eureka',
          servers: [`http://127.0.0.1:${eureka.ports.http}/eureka`],
          pollInterval: '300ms',
          restartGrace: '1s',
        },
        { name: 'hq', kind: 'consul', servers: [`http://127.0.0.1:${proxy.port}`], requestTimeout: '1s' },
      ];
      const bridge = await BridgeProcess.prepare(registries);
      bridges.push(bridge);
      await bridge.configure(registries, {
        control: { listen: `127.0.0.1:${bridge.ports.control}`, auth: { tokensFile: join(directory, 'tokens') } },
        guard: { minEndpoints: 5, confirmAfter: '1h', flap: { count: 0 } },
        publish: [{ to: 'hq', services: ['orders.eureka'], name: 'orders', ttl: '12s' }],
        ledger: { replicas: 2, lease: `${LEASE_S}s`, consul: { registry: 'hq' } },
      });
    }
    await Promise.all(bridges.map((bridge) => bridge.run()));
    envoy = await startSidecar((await follows()).ports.xds, 'GRPC');
    await until('Envoy has orders', async () => (await hostsOf(envoy, 'outbound|80||orders.eureka')).length === 1);
  }, 600_000);

  afterEach(async () => {
    for (const one of views.splice(0)) one.close();
  });

  afterAll(async () => {
    log?.close();
    sdk?.close();
    await envoy?.stop();
    await Promise.all(bridges.map((bridge) => bridge.close()));
    await Promise.all(proxies.map((proxy) => proxy.close()));
    await Promise.all([consul?.stop(), eureka?.stop(), backend?.stop()]);
    await rm(directory, { recursive: true, force: true });
  }, 60_000);

  /** A new service gets its address from the leader, and is the same everywhere. */
  const expectToWork = async (name: string): Promise<void> => {
    await registry.register(name, 12_000);
    for (const bridge of bridges)
      await until(`${name} is published`, async () => (await hostsIn(bridge)).includes(`${name}.eureka`), 60_000);
    await replicas.equalBytes();
  };

  test('one leads, and what they say shows who', async () => {
    const [leader, follower] = [await leads(), await follows()];
    const status = await replicas.statusOf(leader);
    expect(await replicas.statusOf(follower)).toMatchObject({
      role: 'follower',
      epoch: status.epoch,
      leader: status.id,
      leaderControl: `http://127.0.0.1:${leader.ports.control}`,
    });
    const ready = await (await fetch(`http://127.0.0.1:${follower.ports.control}/readyz`)).json();
    expect(ready).toMatchObject({ status: 'ready', replica: { role: 'follower', epoch: status.epoch, withheld: 0 } });
    const metrics = await (await fetch(`http://127.0.0.1:${leader.ports.control}/metrics`)).text();
    expect(metrics).toMatch(/isthmus_replica_leader(\{[^}]*\})? 1\n/);
    expect(metrics).toMatch(new RegExp(`isthmus_ledger_epoch(\\{[^}]*\\})? ${status.epoch}\n`));
  });

  test('serve equal bytes and versions at equal revisions of the ledger, also after churn', async () => {
    await replicas.equalBytes();
    for (let i = 0; i < 60; i += 1) {
      await registry.register(`churn-${i % 25}`, 11_000 + i);
      if (i % 3 === 0) await registry.deregister(`churn-${i % 25}`, 11_000 + i);
    }
    await registry.register('churn-end', 11_999);
    for (const bridge of bridges) await until('all is read', async () => (await hostsIn(bridge)).includes('churn-end.eureka'));
    expect((await replicas.equalBytes()).length).toBeGreaterThan(10_000);
  });

  test('a client that moves to the other replica is sent only what changed', async () => {
    await replicas.equalBytes();
    const [xds, mcp] = [view(XDS_TYPES), view(MCP_TYPES)];
    const node = 'sidecar~127.0.0.1~mover.default~default.svc.cluster.local';
    xds.connect(replicas.at(0).ports.xds, node);
    mcp.connect(replicas.at(0).ports.mcp, 'mover');
    await until('both have all', () => xds.answered.size === XDS_TYPES.length && mcp.answered.size === MCP_TYPES.length);
    xds.connect(replicas.at(1).ports.xds, node);
    mcp.connect(replicas.at(1).ports.mcp, 'mover');
    // The next thing that they hear of is the next change: there was nothing to say before.
    await registry.register('service-0', 13_000);
    const cluster = 'outbound|80||service-0.eureka';
    await until('both hear of it', () => xds.sent.includes(cluster) && mcp.sent.length > 0);
    expect([...new Set(xds.sent)]).toEqual([cluster]);
    expect(mcp.sent.every((name) => name.includes('service-0'))).toBe(true);
    expect([...xds.removed, ...mcp.removed]).toEqual([]);
  });

  test.each<[string, (leader: BridgeProcess) => Promise<void>, (leader: BridgeProcess) => Promise<void>]>([
    ['killed', async (leader) => void (await leader.end('SIGKILL')), (leader) => leader.run()],
    [
      'paused for a minute',
      async (leader) => leader.signal('SIGSTOP'),
      async (leader) => {
        const since = performance.now();
        await until('the minute is over', () => performance.now() - since >= 60_000, 90_000);
        leader.signal('SIGCONT');
      },
    ],
    [
      'cut off from the store',
      async (leader) => wayOf(leader).cut(),
      async (leader) => {
        const codes = (await leader.get<DiagnosticList>('diagnostics')).items.map((d) => d.code);
        expect(codes).toContain('ledger.unreachable');
        wayOf(leader).heal();
      },
    ],
  ])('a leader that is %s is followed by the other; nothing is removed and nobody writes beside it', async (name, harm, mend) => {
    const [leader, other] = [await leads(), await follows()];
    const { epoch } = await replicas.statusOf(other);
    const [xds, mcp] = [view(XDS_TYPES), view(MCP_TYPES)];
    xds.connect(other.ports.xds, 'sidecar~127.0.0.1~watcher.default~default.svc.cluster.local');
    mcp.connect(other.ports.mcp, 'watcher');
    await until('both have all', () => xds.answered.size === XDS_TYPES.length && mcp.answered.size === MCP_TYPES.length);
    await until('the SDK has orders', () => sdk.lists.at(-1)?.length === 1);
    const listed = sdk.lists.length;
    const before = { xds: xds.names(XDS_TYPES[0] as string), mcp: mcp.names(MCP_TYPES[0] as string) };
    await harm(leader);
    try {
      await until('the other leads', async () => {
        const status = await replicas.statusOf(other);
        return status.role === 'leader' && status.epoch > epoch;
      });
      // It decides: a new service gets its address.
      const service = `after-${name.split(' ')[0]}`;
      await registry.register(service, 12_500);
      await until('a new service is published', async () => (await hostsIn(other)).includes(`${service}.eureka`));
      expect((await replicas.hosts(other, `${service}.eureka`))[0]?.vip).toMatch(/^240\.241\./);
      expect((await callEgress(envoy.ports.egress, 'orders.eureka')).status).toBe(200);
    } finally {
      await mend(leader);
    }
    await until('the old leader follows', async () => {
      const [old, next] = await Promise.all([leader, other].map((bridge) => replicas.statusOf(bridge)));
      return old?.role === 'follower' && old.leader === next?.id && old.problem === undefined;
    });
    const sinkOf = async (bridge: BridgeProcess) => (await bridge.get<PublicationList>('publications')).sinks[0];
    await until('the new leader renews what the old one has written', async () => {
      const [old, next] = [await sinkOf(leader), await sinkOf(other)];
      return old?.state === 'standby' && next?.state === 'live' && next.renewed > 0;
    });
    await expectToWork(`works-after-${name.split(' ')[0]}`);
    expect([...xds.removed, ...mcp.removed]).toEqual([]);
    expect(xds.names(XDS_TYPES[0] as string)).toEqual(expect.arrayContaining([...before.xds]));
    expect(mcp.names(MCP_TYPES[0] as string)).toEqual(expect.arrayContaining([...before.mcp]));
    expect(log.violations).toEqual([]);
    expect(log.heads.length).toBeGreaterThan(3);
    // What the old leader wrote into Consul the new one renews: nothing in between, and never twice.
    expect(sdk.lists.slice(listed - 1).filter((list) => list.join() !== `127.0.0.1:${backend.port}`)).toEqual([]);
  });

  test('a mass removal is held by both; released at the follower, the leader lets it go on both', async () => {
    await until('nothing is held', async () => (await replicas.at(0).get<ItemList<HeldView>>('held')).items.length === 0);
    const gone = (await hostsIn(replicas.at(0))).length;
    await eureka.restart({ keepData: false }); // it comes back empty
    await registry.register('orders', backend.port);
    for (const bridge of bridges) {
      await until(
        'it is held',
        async () => (await bridge.get<ItemList<HeldView>>('held')).items.some(({ removing }) => removing >= gone - 1),
        90_000,
      );
      expect((await hostsIn(bridge)).length).toBe(gone);
    }
    const [leader, follower] = [await leads(), await follows()];
    const tokenFile = join(directory, 'tokens');
    const url = `http://127.0.0.1:${follower.ports.control}`;
    const post = { method: 'POST', headers: { authorization: `Bearer ${TOKEN}` }, redirect: 'manual' } as const;
    const answer = await fetch(`${url}/api/v1/held/old%2F%2F/release`, post);
    expect(answer.status).toBe(307);
    expect(answer.headers.get('location')).toBe(`http://127.0.0.1:${leader.ports.control}/api/v1/held/old%2F%2F/release`);
    expect(await answer.json()).toMatchObject({ remedy: expect.stringContaining('http://127.0.0.1:') });
    const released = await startCli(['release-held', 'old//', '--token-file', tokenFile], {
      cwd: directory,
      env: { ISTHMUS_CONTROL: url },
    }).ended;
    expect(released).toMatchObject({ code: 0, stdout: expect.stringMatching(/^released \d+ endpoints of old/) });
    for (const bridge of bridges) await until('it is let go', async () => (await hostsIn(bridge)).length === 1);
    await replicas.equalBytes();
    expect((await callEgress(envoy.ports.egress, 'orders.eureka')).status).toBe(200);
    expect(log.violations).toEqual([]);
  });

  test('a replica that starts without its file while a registry is down serves what the others serve', async () => {
    for (let i = 0; i < 5; i += 1) await registry.register(`known-${i}`, 14_000 + i);
    for (const bridge of bridges) await until('all are known', async () => (await hostsIn(bridge)).length === 6);
    await replicas.equalBytes();
    const [leader, follower] = [await leads(), await follows()];
    const { ledgerRevision } = await replicas.statusOf(leader);
    await eureka.kill();
    await until(
      'the leader has written down what it knows',
      async () => (await replicas.statusOf(leader)).ledgerRevision > ledgerRevision,
      60_000,
    );
    await follower.end('SIGKILL');
    await rm(join(follower.directory, '.isthmus'), { recursive: true });
    await follower.run();
    expect((await hostsIn(follower)).length).toBe(6);
    await replicas.equalBytes();
  });
});
