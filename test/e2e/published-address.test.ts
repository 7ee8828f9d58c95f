import { mkdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { EndpointView, ItemList, PublicationList, ServiceView } from '@isthmus/contract';
import { until } from '@isthmus/model/testing';
import { NacosProvider } from '@isthmus/registry-nacos/testing';
import { borrowNacos2, freePorts, startConsul, startEnvoy } from '@isthmus/servers';
import type { Borrowed, ConsulServer, EnvoyServer, NacosPorts } from '@isthmus/servers';
import { Backend } from './support/backend.ts';
import { BridgeProcess } from './support/bridge.ts';
import { startCli } from './support/cli.ts';
import { rejectedOf, sumOfStats } from './support/envoy.ts';
import { SdkCaller } from './support/sdk-caller.ts';
import type { CallerReport } from './support/sdk-caller.ts';

const PATIENCE_MS = 90_000;
/** Where the one instance of the service is, and its sidecar. */
const WORKLOAD = '127.0.7.1';
const EDGE = '127.0.7.2';
/** Of another service, which registers itself in Nacos. */
const STOCK = ['127.0.7.3', '127.0.7.4'] as const;

/**
 * A service that is in no registry, published as its sidecar's address into Nacos and as an edge's into Consul. Both Envoys have
 * what they do from the bridge: the sidecar from a Sidecar with an ingress listener, the edge from a Gateway and a VirtualService.
 */
describe('the address that is published', () => {
  let nacos: Borrowed<NacosPorts>;
  let consul: ConsulServer;
  let bridge: BridgeProcess;
  let sidecar: EnvoyServer;
  let edge: EnvoyServer;
  let orders: Backend;
  let stock: readonly Backend[] = [];
  let provider: NacosProvider;
  let inbound = 0;
  let gateway = 0;
  let shelf = 0;
  let servicePort = 0;
  let publish: readonly { readonly to: string; readonly [field: string]: unknown }[] = [];
  let registries: readonly object[] = [];
  const callers: SdkCaller[] = [];

  const inNacos = async () => {
    const query = 'serviceName=DEFAULT_GROUP%40%40orders&namespaceId=public';
    const answer = await fetch(`http://127.0.0.1:${nacos.ports.http}/nacos/v1/ns/instance/list?${query}`);
    const { hosts } = (await answer.json()) as { readonly hosts: readonly { readonly ip: string; readonly port: number }[] };
    return hosts.map(({ ip, port }) => `${ip}:${port}`);
  };
  /** Registers both, and says of each whether it is healthy: Nacos passes the sick on to who asks for all, as we do. */
  const stockIs = (...healthy: readonly boolean[]) =>
    provider.provide({
      name: 'stock',
      instances: stock.map(({ address, port }, n) => ({ ip: address, port, healthy: healthy[n] === true })),
    });
  const inConsul = async (name = 'orders') => {
    const answer = await fetch(`http://127.0.0.1:${consul.ports.http}/v1/health/service/${name}`);
    const entries = (await answer.json()) as readonly { readonly Service: { readonly Address: string; readonly Port: number } }[];
    return entries.map(({ Service }) => `${Service.Address}:${Service.Port}`);
  };
  const endpointsOfStock = async () =>
    (await bridge.get<ItemList<EndpointView>>('endpoints?host=stock.default-group.public.nacos')).items;
  const takers = async () => (await endpointsOfStock()).flatMap(({ takesTraffic, address }) => (takesTraffic ? address : []));
  const publications = async () => (await bridge.get<PublicationList>('publications')).items;
  const startProxy = async (node: string, more: readonly string[]): Promise<EnvoyServer> => {
    const [admin = 0, metrics = 0] = await freePorts(2);
    const at = (port: number) => `127.0.0.1:${port}`;
    const own = ['--xds', at(bridge.ports.xds), '--admin', at(admin), '--metrics', at(metrics)];
    const { stdout } = await startCli(['proxy', 'bootstrap', '--node', node, ...own, ...more], { cwd: tmpdir() }).ended;
    return startEnvoy({ bootstrap: stdout, ports: { admin }, readyWhen: 'live' });
  };

  beforeAll(async () => {
    [nacos, consul] = await Promise.all([borrowNacos2(), startConsul()]);
    [inbound = 0, gateway = 0, shelf = 0, servicePort = 0] = await freePorts(4);
    orders = await Backend.start('orders', WORKLOAD);
    stock = await Promise.all(STOCK.map((address) => Backend.start(address, address)));
    provider = new NacosProvider({ address: `127.0.0.1:${nacos.ports.grpc}` });
    await provider.connect();
    publish = [
      { to: 'shop', services: ['orders.*'], name: 'orders', address: 'sidecar', sidecarPort: inbound, ttl: '9s' },
      { to: 'hq', services: ['orders.*'], name: 'orders', address: 'gateway', gateway: `${EDGE}:${gateway}`, ttl: '9s' },
      { to: 'hq', services: ['shop/*/*/stock'], name: 'stock', address: 'gateway', gateway: `${EDGE}:${shelf}`, ttl: '9s' },
    ];
    registries = [
      { name: 'shop', kind: 'nacos', servers: [`http://127.0.0.1:${nacos.ports.http}`], listInterval: '1s' },
      { name: 'hq', kind: 'consul', servers: [`http://127.0.0.1:${consul.ports.http}`] },
    ];
    bridge = await BridgeProcess.prepare(registries, { publish, istio: { dir: 'istio.d' } });
    await mkdir(join(bridge.directory, 'istio.d'));
    await writeFile(
      join(bridge.directory, 'istio.d/orders.yaml'),
      objects({ application: orders.port, service: servicePort, inbound, gateway, shelf }),
    );
    await bridge.run();
    sidecar = await startProxy(`sidecar~${WORKLOAD}~orders-1.shop~shop.svc.cluster.local`, [
      '--interception',
      'NONE',
      '--label',
      'app=orders',
    ]);
    edge = await startProxy(`router~${EDGE}~edge-1.edge~edge.svc.cluster.local`, ['--label', 'istio=edge']);
  }, 300_000);

  afterAll(async () => {
    await Promise.all(callers.map((caller) => caller.stop()));
    provider?.close();
    await Promise.all([sidecar?.stop(), edge?.stop()]);
    await bridge?.close();
    await Promise.all([...[orders, ...stock].map((one) => one?.stop()), nacos?.giveBack(), consul?.stop()]);
  }, 60_000);

  test('Nacos lists the sidecar, Consul the edge, neither of them the instance', async () => {
    await until(
      'both are published',
      async () => (await publications()).filter(({ state }) => state === 'published').length === 2,
      PATIENCE_MS,
    );
    expect(await inNacos()).toEqual([`${WORKLOAD}:${inbound}`]);
    expect(await inConsul()).toEqual([`${EDGE}:${gateway}`]);
    expect((await publications()).map(({ to, entries }) => `${to} ${entries.join()}`).sort()).toEqual([
      `hq ${EDGE}:${gateway}`,
      `shop ${WORKLOAD}:${inbound}`,
    ]);
  }, 120_000);

  test('callers of npm nacos and consul that know nothing of it call through the Envoy that is there: no call fails', async () => {
    callers.push(SdkCaller.start('nacos', nacos.ports.http, 'orders'), SdkCaller.start('consul', consul.ports.http, 'orders'));
    const calls = [0, 0];
    await until(
      'both have called it a hundred times',
      async () => {
        for (const [index, caller] of callers.entries()) {
          const { bodies, failures } = await caller.report();
          expect(failures).toEqual([]);
          expect(Object.keys(bodies).every((key) => key.endsWith(' orders'))).toBe(true);
          calls[index] = (calls[index] ?? 0) + Object.values(bodies).reduce((sum, count) => sum + count, 0);
        }
        return calls.every((count) => count >= 100);
      },
      PATIENCE_MS,
    );
    const [bySidecar = 0, byEdge = 0] = calls;
    expect(await sumOfStats(sidecar, `^cluster\\.inbound\\|${inbound}\\|\\|;?\\.upstream_rq_200$`)).toBeGreaterThanOrEqual(
      bySidecar,
    );
    expect(
      await sumOfStats(edge, `^cluster\\.outbound\\|${servicePort}\\|\\|orders\\..*;?\\.upstream_rq_200$`),
    ).toBeGreaterThanOrEqual(byEdge);
    expect([await rejectedOf(sidecar), await rejectedOf(edge)]).toEqual([{}, {}]);
  }, 120_000);

  test('neither address comes back as an instance: the mesh has the service once, at its own port', async () => {
    await until('both are known as ours', async () => {
      const { counts } = await bridge.get<{ readonly counts: Record<string, number> }>('diagnostics');
      return counts['import.own'] === 2;
    });
    const { items } = await bridge.get<ItemList<ServiceView>>('services');
    expect(items.map(({ host }) => host).filter((host) => host.startsWith('orders'))).toEqual(['orders.shop.svc.cluster.local']);
    const { items: endpoints } = await bridge.get<ItemList<{ readonly address: string; readonly port: number }>>(
      'endpoints?host=orders.shop.svc.cluster.local',
    );
    expect(endpoints.map(({ address, port }) => `${address}:${port}`)).toEqual([`${WORKLOAD}:${orders.port}`]);
  }, 60_000);

  test('a gateway is withdrawn when the last instance behind it takes no traffic, and back with the first', async () => {
    const [, two] = STOCK;
    const published = [`${EDGE}:${shelf}`];
    await stockIs(true, true);
    const isThrough = async () => (await statusAt(published)) === 200 && stock.every(({ calls }) => calls > 0);
    await until('the edge leads to both', isThrough, PATIENCE_MS);
    await until('Consul lists the edge', async () => (await inConsul('stock')).join() === published.join(), PATIENCE_MS);
    const caller = SdkCaller.start('consul', consul.ports.http, 'stock');
    callers.push(caller);
    const calledUntil = async (what: string, good: (report: CallerReport) => boolean) => {
      const failures: string[] = [];
      let emptied = 0;
      await until(
        what,
        async () => {
          const report = await caller.report();
          failures.push(...report.failures);
          emptied += report.emptied;
          return good(report);
        },
        PATIENCE_MS,
      );
      return { failures, emptied };
    };
    const answeredBy = ({ bodies }: CallerReport) =>
      [...new Set(Object.keys(bodies).map((key) => key.split(' ')[1]))].sort().join();
    const all = await calledUntil('both answer it', (report) => answeredBy(report) === STOCK.join());
    expect(all).toEqual({ failures: [], emptied: 0 });

    await stockIs(false, true);
    await until('the bridge knows it', async () => (await takers()).join() === two, PATIENCE_MS);
    const half = await calledUntil('one alone answers', (report) => answeredBy(report) === two);
    expect(half).toEqual({ failures: [], emptied: 0 });
    expect(await inConsul('stock')).toEqual(published);

    await stockIs(false, false);
    await until('the bridge knows it', async () => (await takers()).length === 0, PATIENCE_MS);
    await until('Consul lists nothing', async () => (await inConsul('stock')).length === 0, PATIENCE_MS);
    // It hears of it a moment after the edge: what it called until then was answered by the edge's 503 and by nothing else.
    const none = await calledUntil('it knows that there is none', ({ known }) => known.length === 0);
    expect(none).toMatchObject({ emptied: 1 });
    expect(none.failures.filter((failure) => !failure.includes(': 503 '))).toEqual([]);
    // Consul tells its callers before it answers the bridge.
    await until('the bridge has it no more', async () => (await publications()).every(({ name }) => name !== 'stock'));
    // The service is still there, for who asks the registry that it registers itself in.
    expect((await endpointsOfStock()).map(({ takesTraffic }) => takesTraffic)).toEqual([false, false]);

    await stockIs(false, true);
    await until('Consul lists the edge again', async () => (await inConsul('stock')).join() === published.join(), PATIENCE_MS);
    await calledUntil('it is answered again', (report) => answeredBy(report) === two && report.failures.length === 0);
    for (const other of callers.slice(0, 2)) expect((await other.report()).failures).toEqual([]);
  }, 300_000);

  test('an entry that is taken out of the config is withdrawn, and leaves the other alone', async () => {
    await bridge.configure(registries, { publish: publish.filter(({ to }) => to === 'hq'), istio: { dir: 'istio.d' } });
    await until('Nacos has dropped it', async () => (await inNacos()).length === 0);
    expect(await inConsul()).toEqual([`${EDGE}:${gateway}`]);
    for (const caller of callers) expect((await caller.report()).failures).toEqual([]);
  }, 60_000);

  test('a bridge that ends withdraws nothing; what nobody renews is forgotten, and no call has failed', async () => {
    await bridge.end('SIGTERM');
    expect(await inConsul()).toEqual([`${EDGE}:${gateway}`]);
    await until('Consul has dropped it', async () => (await inConsul()).length === 0, 240_000);
    for (const caller of callers) expect((await caller.report()).failures).toEqual([]);
  }, 300_000);
});

/** What a call there is answered, 0 without an answer. */
async function statusAt([place]: readonly string[]): Promise<number> {
  return fetch(`http://${place}/`).then(
    ({ status }) => status,
    () => 0,
  );
}

function objects(ports: Readonly<Record<'application' | 'service' | 'inbound' | 'gateway' | 'shelf', number>>): string {
  return `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: orders, namespace: shop }
spec:
  hosts: [orders.shop.svc.cluster.local]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{ number: ${ports.service}, name: http, protocol: HTTP, targetPort: ${ports.application} }]
  endpoints: [{ address: ${WORKLOAD} }]
---
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: { name: orders, namespace: shop }
spec:
  workloadSelector: { labels: { app: orders } }
  ingress:
    - port: { number: ${ports.inbound}, name: http, protocol: HTTP }
      bind: ${WORKLOAD}
      captureMode: NONE
      defaultEndpoint: 0.0.0.0:${ports.application} # the workload's own address
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: edge, namespace: edge }
spec:
  selector: { istio: edge }
  servers:
    - { port: { number: ${ports.gateway}, name: http, protocol: HTTP }, bind: ${EDGE}, hosts: ['*'] }
    - { port: { number: ${ports.shelf}, name: http-shelf, protocol: HTTP }, bind: ${EDGE}, hosts: ['*'] }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: edge, namespace: shop }
spec:
  hosts: ['*']
  gateways: [edge/edge]
  http:
    - match: [{ port: ${ports.shelf} }]
      route: [{ destination: { host: stock.default-group.public.nacos } }]
    - route: [{ destination: { host: orders.shop.svc.cluster.local } }]
`;
}
