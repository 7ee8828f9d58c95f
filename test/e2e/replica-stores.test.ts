import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals';
import type { DiagnosticList, ReplicaView } from '@isthmus/contract';
import { until } from '@isthmus/model/testing';
import { borrowEureka, startKubernetes, startNacos2 } from '@isthmus/servers';
import type { Borrowed, EurekaPorts } from '@isthmus/servers';
import { BridgeProcess } from './support/bridge.ts';
import { hostsOf, startSidecar, statOf } from './support/envoy.ts';
import { EurekaClient } from './support/eureka-client.ts';
import { MCP_TYPES, ReplicaSet, XDS_TYPES } from './support/replica-set.ts';
import { TcpProxy } from './support/tcp-proxy.ts';
import { XdsView } from './support/xds-view.ts';

jest.setTimeout(240_000);

const REPLICAS = 3;
const LEASE_S = 3;
const MINUTE_MS = 60_000;

/** One replica's way to the store, which can be cut. */
interface Way {
  /** The registry under whose name the ledger is kept. */
  readonly registry: object;
  readonly proxies: readonly TcpProxy[];
}

interface Store {
  readonly ledger: object;
  way(index: number): Promise<Way>;
  stop(): Promise<void>;
}

describe.each<[string, (directory: string) => Promise<Store>]>([
  ['Kubernetes', kubernetesStore],
  ['Nacos 2', nacosStore],
])('three replicas on %s', (_name, openStore) => {
  let directory: string;
  let eureka: Borrowed<EurekaPorts>;
  let registry: EurekaClient;
  let store: Store;
  let replicas: ReplicaSet;
  const ways = new Map<BridgeProcess, Way>();
  const views: XdsView[] = [];
  /** When one was. */
  let stopped = 0;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'isthmus-stores-'));
    [store, eureka] = await Promise.all([openStore(directory), borrowEureka()]);
    registry = new EurekaClient(eureka.ports.http);
    for (let i = 0; i < 20; i += 1) await registry.register(`service-${i}`, 10_000 + i);
    const bridges: BridgeProcess[] = [];
    replicas = new ReplicaSet(bridges);
    for (let i = 0; i < REPLICAS; i += 1) {
      const way = await store.way(i);
      const registries = [
        { name: 'old', kind: 'eureka', servers: [`http://127.0.0.1:${eureka.ports.http}/eureka`], pollInterval: '300ms' },
        { name: 'own', kind: 'file', path: 'own.yaml' },
        way.registry,
      ];
      const ledger = { replicas: REPLICAS, lease: `${LEASE_S}s`, ...store.ledger };
      const bridge = await BridgeProcess.prepare(registries, { ledger });
      await writeFile(join(bridge.directory, 'own.yaml'), 'services: []\n');
      ways.set(bridge, way);
      bridges.push(bridge);
    }
    await Promise.all(bridges.map((bridge) => bridge.run()));
  }, 900_000);

  afterEach(() => {
    for (const view of views.splice(0)) view.close();
  });

  afterAll(async () => {
    await Promise.all((replicas?.bridges ?? []).map((bridge) => bridge.close()));
    await Promise.all([...ways.values()].flatMap(({ proxies }) => proxies.map((proxy) => proxy.close())));
    await Promise.all([store?.stop(), eureka?.giveBack()]);
    await rm(directory, { recursive: true, force: true });
  }, 60_000);

  const published = async (name: string, among: readonly BridgeProcess[]) => {
    for (const bridge of among) {
      await until(`${name} has its address`, async () => {
        const [found] = await replicas.hosts(bridge, `${name}.eureka`);
        return found?.vip !== undefined;
      });
    }
  };
  const watch = async (bridge: BridgeProcess): Promise<readonly XdsView[]> => {
    const [xds, mcp] = [new XdsView(XDS_TYPES), new XdsView(MCP_TYPES)];
    views.push(xds, mcp);
    xds.connect(bridge.ports.xds, 'sidecar~127.0.0.1~watcher.default~default.svc.cluster.local');
    mcp.connect(bridge.ports.mcp, 'watcher');
    await until('it has all', () => xds.answered.size === XDS_TYPES.length && mcp.answered.size === MCP_TYPES.length);
    return [xds, mcp];
  };

  test('serve equal bytes and versions at equal revisions of the ledger, also after churn', async () => {
    await replicas.leader();
    expect((await replicas.equalBytes()).length).toBeGreaterThan(5_000);
    for (let i = 0; i < 40; i += 1) {
      await registry.register(`churn-${i % 15}`, 11_000 + i);
      if (i % 3 === 0) await registry.deregister(`churn-${i % 15}`, 11_000 + i);
    }
    await registry.register('churn-end', 11_999);
    await published('churn-end', replicas.bridges);
    expect(await replicas.equalBytes()).toContain('churn-end.eureka');
  });

  test('a host that only a follower sees gets its address from the leader', async () => {
    const leader = await replicas.leader();
    const { epoch } = await replicas.statusOf(leader);
    const follower = replicas.bridges.find((bridge) => bridge !== leader) as BridgeProcess;
    const service = '{ host: only.here, endpoints: [{ address: 10.7.0.1, port: 80 }] }';
    await writeFile(join(follower.directory, 'own.yaml'), `services: [${service}]\n`);
    await until('it has an address', async () => {
      const [only] = await replicas.hosts(follower, 'only.here');
      return only?.vip?.startsWith('240.241.') === true;
    });
    // The leader was asked, not deposed.
    expect(await replicas.statusOf(leader)).toMatchObject({ role: 'leader', epoch });
    expect(await replicas.hosts(leader, 'only.here')).toEqual([]);
    await writeFile(join(follower.directory, 'own.yaml'), 'services: []\n');
    await replicas.equalBytes();
  });

  test.each<[string, (leader: BridgeProcess) => Promise<void>, (leader: BridgeProcess) => Promise<void>]>([
    ['killed', async (leader) => void (await leader.end('SIGKILL')), (leader) => leader.run()],
    [
      'stopped for a minute',
      async (leader) => {
        leader.signal('SIGSTOP');
        stopped = performance.now();
      },
      async (leader) => {
        await until('the minute is over', () => performance.now() - stopped >= MINUTE_MS, 2 * MINUTE_MS);
        leader.signal('SIGCONT');
      },
    ],
    [
      'cut off from the store',
      async (leader) => ways.get(leader)?.proxies.forEach((proxy) => proxy.cut()),
      async (leader) => {
        const { items } = await leader.get<DiagnosticList>('diagnostics');
        expect(items.map(({ code }) => code)).toContain('ledger.unreachable');
        ways.get(leader)?.proxies.forEach((proxy) => proxy.heal());
      },
    ],
  ])(
    'a leader that is %s is followed by another; nothing is removed, and afterwards all are equal again',
    async (how, harm, mend) => {
      const leader = await replicas.leader();
      const others = replicas.bridges.filter((bridge) => bridge !== leader);
      const { epoch, id } = await replicas.statusOf(leader);
      const watching = (await Promise.all(others.map(watch))).flat();
      const had = watching.map((view) => [...view.resources.values()].flatMap((known) => [...known.keys()]));
      await harm(leader);
      const name = `after-${how.split(' ')[0]}`;
      try {
        const next = await replicas.leader(others);
        expect((await replicas.statusOf(next)).epoch).toBeGreaterThan(epoch);
        await registry.register(name, 12_500);
        await published(name, others);
      } finally {
        await mend(leader);
      }
      const leaders = new Map<number, Set<string>>();
      await until('the old leader follows', async () => {
        const statuses = await Promise.all(replicas.bridges.map((bridge) => replicas.statusOf(bridge)));
        for (const one of statuses.filter(({ role }) => role === 'leader'))
          leaders.set(one.epoch, (leaders.get(one.epoch) ?? new Set()).add(one.id));
        const status = statuses[replicas.bridges.indexOf(leader)] as ReplicaView;
        return status.role === 'follower' && status.leader !== id && status.problem === undefined;
      });
      // Who wakes up may still believe for a moment that it leads, but in an epoch whose writes the store refuses.
      expect([...leaders.values()].filter((ids) => ids.size > 1)).toEqual([]);
      await published(name, replicas.bridges);
      await replicas.equalBytes();
      for (const [i, view] of watching.entries()) {
        expect(view.removed).toEqual([]);
        const has = [...view.resources.values()].flatMap((known) => [...known.keys()]);
        expect(has).toEqual(expect.arrayContaining(had[i] ?? []));
      }
    },
  );

  test('a state-of-the-world Envoy that moves is sent what it has, with the versions that it has, and changes nothing', async () => {
    await replicas.equalBytes();
    const proxy = await TcpProxy.start(replicas.at(0).ports.xds);
    const envoy = await startSidecar(proxy.port, 'GRPC', 'sotw-mover');
    try {
      await until('Envoy has them all', async () => (await hostsOf(envoy, 'outbound|80||service-0.eureka')).length === 1);
      const changes = async () => ({
        clusters: await statOf(envoy, 'cluster_manager.cluster_modified'),
        removed: await statOf(envoy, 'cluster_manager.cluster_removed'),
        listeners: await statOf(envoy, 'listener_manager.listener_modified'),
        cds: await statOf(envoy, 'cluster_manager.cds.version'),
        lds: await statOf(envoy, 'listener_manager.lds.version'),
      });
      const accepted = () => statOf(envoy, 'cluster_manager.cds.update_success');
      const [before, count] = [await changes(), await accepted()];
      for (const index of [1, 2]) {
        const from = await accepted();
        proxy.moveTo(replicas.at(index).ports.xds);
        await until('it was answered there', async () => (await accepted()) > from);
        expect(await changes()).toEqual(before);
      }
      // It follows the replica that it moved to.
      await registry.register('service-0', 13_000);
      await until('it hears of a change', async () => (await hostsOf(envoy, 'outbound|80||service-0.eureka')).length === 2);
      expect(await accepted()).toBeGreaterThan(count);
    } finally {
      await envoy.stop();
      await proxy.close();
      await registry.deregister('service-0', 13_000);
    }
  });
});

/** The rights that docs/replicas.md and docs/registries/kubernetes.md give. */
async function kubernetesStore(directory: string): Promise<Store> {
  const server = await startKubernetes({ users: { bridge: [] } });
  const read = ['get', 'list', 'watch'];
  await server.grant('bridge', [
    { apiGroups: ['coordination.k8s.io'], resources: ['leases'], verbs: [...read, 'create', 'update'] },
    { apiGroups: [''], resources: ['configmaps'], verbs: ['get', 'list', 'create', 'delete'] },
    { apiGroups: [''], resources: ['services', 'pods', 'nodes'], verbs: read },
    { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: read },
  ]);
  await server.must({ method: 'POST', path: '/api/v1/namespaces', body: { metadata: { name: 'isthmus' } } });
  const text = await readFile(await server.kubeconfigFor('bridge'), 'utf8');
  return {
    ledger: { kubernetes: { registry: 'k8s' } },
    way: async (index) => {
      const proxy = await TcpProxy.start(server.ports.https);
      const kubeconfig = join(directory, `kubeconfig-${index}`);
      await writeFile(kubeconfig, text.replaceAll(`127.0.0.1:${server.ports.https}`, `127.0.0.1:${proxy.port}`), { mode: 0o600 });
      const registry = { name: 'k8s', kind: 'kubernetes', kubeconfig, namespaces: ['isthmus'], timeout: '1s', heartbeat: '1s' };
      return { registry, proxies: [proxy] };
    },
    stop: () => server.stop(),
  };
}

async function nacosStore(directory: string): Promise<Store> {
  const server = await startNacos2({ auth: { username: 'bridge', password: 'right-1' } });
  const passwordFile = join(directory, 'nacos-password');
  await writeFile(passwordFile, 'right-1', { mode: 0o600 });
  return {
    ledger: { nacos: { registry: 'shop' } },
    way: async () => {
      const [http, grpc] = await Promise.all([TcpProxy.start(server.ports.http), TcpProxy.start(server.ports.grpc)]);
      // Clients of Nacos find gRPC above HTTP.
      const [low, high] = http.port < grpc.port ? [http, grpc] : [grpc, http];
      low.moveTo(server.ports.http);
      high.moveTo(server.ports.grpc);
      const registry = {
        name: 'shop',
        kind: 'nacos',
        servers: [`http://127.0.0.1:${low.port}`],
        grpcPortOffset: high.port - low.port,
        auth: { username: 'bridge', passwordFile },
      };
      return { registry, proxies: [http, grpc] };
    },
    stop: () => server.stop(),
  };
}
