import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DiagnosticList, ProxyList } from '@isthmus/contract';
import { until } from '@isthmus/model/testing';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { borrowNacos2, startConsul, startKubernetes } from '@isthmus/servers';
import type { EnvoyServer } from '@isthmus/servers';
import { Backend } from './support/backend.ts';
import { BridgeProcess } from './support/bridge.ts';
import { callEgress } from './support/egress.ts';
import { hostsOf, startSidecar } from './support/envoy.ts';
import { GROUP_HOST, groupRules, startGroupWorkload } from './support/group-workload.ts';
import { ReplicaSet } from './support/replica-set.ts';
import { TcpProxy } from './support/tcp-proxy.ts';

jest.setTimeout(180_000);

const ADDRESS = '127.0.7.41';
/** A leader takes a replica for gone that has said nothing for 10 s, and its workloads have `workloadGrace` then. */
const FORGOTTEN_MS = 13_000;

/** Where the replicas keep their ledger. */
interface Store {
  readonly registry: object;
  readonly ledger: object;
  stop(): Promise<void>;
}

async function consulStore(): Promise<Store> {
  const server = await startConsul();
  const registry = { name: 'hq', kind: 'consul', servers: [`http://127.0.0.1:${server.ports.http}`] };
  return { registry, ledger: { consul: { registry: 'hq' } }, stop: () => server.stop() };
}

async function kubernetesStore(): Promise<Store> {
  const server = await startKubernetes();
  await server.must({ method: 'POST', path: '/api/v1/namespaces', body: { metadata: { name: 'isthmus' } } });
  const registry = { name: 'hq', kind: 'kubernetes', kubeconfig: await server.kubeconfigFor('admin'), namespaces: ['isthmus'] };
  return { registry, ledger: { kubernetes: { registry: 'hq' } }, stop: () => server.stop() };
}

async function nacosStore(): Promise<Store> {
  const server = await borrowNacos2();
  const grpcPortOffset = server.ports.grpc - server.ports.http;
  const registry = { name: 'hq', kind: 'nacos', servers: [`http://127.0.0.1:${server.ports.http}`], grpcPortOffset };
  return { registry, ledger: { nacos: { registry: 'hq' } }, stop: () => server.giveBack() };
}

describe.each<[string, () => Promise<Store>, boolean]>([
  ['Consul', consulStore, true],
  ['Kubernetes', kubernetesStore, false],
  ['Nacos 2', nacosStore, false],
])('replicas on %s', (_name, openStore, areKilled) => {
  let store: Store;
  let directory: string;
  let backend: Backend;
  /** Between the workload and its bridge, as a balancer is. */
  let way: TcpProxy;
  let workload: EnvoyServer | undefined;
  const bridges: BridgeProcess[] = [];
  const callers = new Map<BridgeProcess, EnvoyServer<'egress'>>();
  const replicas = new ReplicaSet(bridges);

  const startWorkload = (): Promise<EnvoyServer> => startGroupWorkload(ADDRESS, way.port);
  const hosts = (bridge: BridgeProcess) => hostsOf(callers.get(bridge)!, `outbound|80||${GROUP_HOST}`);
  const call = async (bridge: BridgeProcess): Promise<string> => {
    const { status, body } = await callEgress(callers.get(bridge)!.ports.egress, GROUP_HOST);
    return `${status} ${body}`;
  };
  const isConnectedTo = async (bridge: BridgeProcess): Promise<boolean> => {
    const { items } = await bridge.get<ProxyList>('proxies');
    return items.some(({ workload: one }) => one?.name === `shop/vm-${ADDRESS}` && one.state === 'in');
  };
  const follower = async (): Promise<BridgeProcess> => {
    const leader = await replicas.leader();
    return bridges.find((bridge) => bridge !== leader)!;
  };
  const otherThan = (bridge: BridgeProcess): BridgeProcess => bridges.find((one) => one !== bridge)!;
  const everywhere = (what: string, is: (bridge: BridgeProcess) => Promise<boolean>) =>
    until(what, async () => (await Promise.all(bridges.map(is))).every(Boolean));

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'isthmus-workload-replicas-'));
    await mkdir(join(directory, 'istio.d'));
    [store, backend] = await Promise.all([openStore(), Backend.start('orders', ADDRESS)]);
    await writeFile(join(directory, 'tokens'), 'a-token-that-all-replicas-accept\n');
    await writeFile(join(directory, 'services.yaml'), 'services: []\n');
    await writeFile(join(directory, 'istio.d', 'rules.yaml'), groupRules(backend.port));
    const registries = [{ name: 'nothing', kind: 'file', path: join(directory, 'services.yaml') }, store.registry];
    for (let i = 0; i < 2; i += 1) {
      const bridge = await BridgeProcess.prepare(registries);
      bridges.push(bridge);
      await bridge.configure(registries, {
        control: { listen: `127.0.0.1:${bridge.ports.control}`, auth: { tokensFile: join(directory, 'tokens') } },
        istio: { dir: join(directory, 'istio.d'), workloadGrace: '2s' },
        ledger: { replicas: 2, lease: '3s', ...store.ledger },
      });
    }
    await Promise.all(bridges.map((bridge) => bridge.run()));
    for (const bridge of bridges) callers.set(bridge, await startSidecar(bridge.ports.xds, 'DELTA_GRPC'));
    way = await TcpProxy.start((await follower()).ports.xds);
  }, 240_000);

  afterAll(async () => {
    await workload?.stop();
    await Promise.all([...callers.values()].map((caller) => caller.stop()));
    await way?.close();
    await Promise.all(bridges.map((bridge) => bridge.close()));
    await Promise.all([store?.stop(), backend?.stop()]);
    await rm(directory, { recursive: true, force: true });
  }, 60_000);

  test('a workload that is connected to one replica is an endpoint of all, in the same bytes', async () => {
    const at = await follower();
    workload = await startWorkload();
    await everywhere('it is called', async (bridge) => (await call(bridge)) === '200 orders');
    expect([await isConnectedTo(at), await isConnectedTo(otherThan(at))]).toEqual([true, false]);
    expect(await replicas.equalBytes()).toContain(GROUP_HOST);
    for (const bridge of bridges) {
      const { items } = await bridge.get<DiagnosticList>('diagnostics');
      expect(items.map(({ code }) => code).filter((code) => code.startsWith('workload.'))).toEqual([]);
    }
  });

  // Who moves where is decided above the store.
  if (areKilled)
    test.each([
      ['follows', follower],
      ['leads', () => replicas.leader()],
    ])('its replica is killed, one that %s: it stays an endpoint of the other while it moves there', async (_, which) => {
      const dead = await which();
      const other = otherThan(dead);
      way.moveTo(dead.ports.xds);
      await until('it is connected to it', () => isConnectedTo(dead));
      await everywhere('it is called', async (bridge) => (await call(bridge)) === '200 orders');
      const seen = new Set<string>();
      const look = async (): Promise<void> => void seen.add(`${(await hosts(other)).join()} ${await call(other)}`);
      await dead.end('SIGKILL');
      await look();
      way.moveTo(other.ports.xds);
      await until('it has moved', async () => {
        await look();
        return isConnectedTo(other);
      });
      const since = performance.now();
      await until('the dead one is forgotten, and another leads', async () => {
        await look();
        return performance.now() - since >= FORGOTTEN_MS && (await replicas.statusOf(other)).role === 'leader';
      });
      expect([...seen]).toEqual([`${ADDRESS}:${backend.port} 200 orders`]);
      await dead.run();
      await everywhere('it is called', async (bridge) => (await call(bridge)) === '200 orders');
      expect(await replicas.equalBytes()).toContain(GROUP_HOST);
    });

  test('it is gone from all when it is', async () => {
    await workload?.stop();
    workload = undefined;
    await everywhere('it is gone', async (bridge) => (await hosts(bridge)).length === 0);
    expect(await call(bridges[0]!)).toMatch(/^503/);
  });
});
