import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { CorrectionView, DiagnosticList, EndpointView, ItemList } from '@isthmus/contract';
import { until } from '@isthmus/model/testing';
import { borrowEureka, freePorts, startConsul, startKubernetes, startSpringApp } from '@isthmus/servers';
import type { EnvoyServer, KubernetesServer, SpringApp, SpringOptions } from '@isthmus/servers';
import { BridgeProcess } from './support/bridge.ts';
import { callEgress } from './support/egress.ts';
import { hostsOf, startSidecar } from './support/envoy.ts';
import { EurekaClient } from './support/eureka-client.ts';
import { MovingPods } from './support/moving-pods.ts';
import { Pods } from './support/pods.ts';
import { SteadyCaller } from './support/steady-caller.ts';
import type { Outcome } from './support/steady-caller.ts';

/** Kubernetes takes such addresses for Pods, and this machine has them. */
const [A, B, C] = ['127.0.4.11', '127.0.4.12', '127.0.4.13'] as const;

interface Registry {
  readonly entry: object;
  readonly host: string;
  /** For an unchanged Spring Cloud caller. */
  readonly spring: Pick<SpringOptions, 'registry' | 'address' | 'properties'>;
  /** An instance that the registry believes in for longer than the test runs, whatever becomes of it. */
  register(address: string, port: number): Promise<void>;
  stop(): Promise<void>;
}

describe.each<[string, () => Promise<Registry>]>([
  ['Consul', consulRegistry],
  ['Eureka', eurekaRegistry],
])('a Pod moves, and %s lists the dead one and not yet the new one', (_name, openRegistry) => {
  let kubernetes: KubernetesServer;
  let registry: Registry;
  let spring: SpringApp;
  let bridge: BridgeProcess;
  let envoy: EnvoyServer<'egress'>;
  let pods: Pods;
  let mesh: SteadyCaller;
  let sdk: SteadyCaller;
  let port = 0;
  let orders: MovingPods;

  const registries = () => [registry.entry, { name: 'k8s', kind: 'kubernetes', kubeconfig: kubernetes.kubeconfig }];
  const inEnvoy = () => hostsOf(envoy, `outbound|80||${registry.host}`);
  const inMesh = async () => {
    const { items } = await bridge.get<ItemList<EndpointView>>(`endpoints?host=${registry.host}`);
    return items
      .filter((e) => e.takesTraffic)
      .map((e) => e.address)
      .sort();
  };
  const corrections = async () => (await bridge.get<ItemList<CorrectionView>>('corrections')).items;
  const springLists = async (): Promise<readonly string[]> => {
    const answer = await fetch(`http://127.0.0.1:${spring.ports.http}/instances/orders`);
    return ((await answer.json()) as { readonly host: string }[]).map(({ host }) => host);
  };

  beforeAll(async () => {
    [kubernetes, registry] = await Promise.all([startKubernetes(), openRegistry()]);
    pods = await Pods.in(kubernetes, 'shop');
    port = (await freePorts(1))[0] as number;
    orders = new MovingPods(pods, port);
    for (const address of [A, B]) {
      await orders.bringUp(address);
      await registry.register(address, port);
    }
    spring = await startSpringApp(registry.spring);
    bridge = await BridgeProcess.start(registries(), { liveness: { kubernetes: [] } });
    envoy = await startSidecar(bridge.ports.xds, 'DELTA_GRPC');
    await until('Envoy has both', async () => (await inEnvoy()).length === 2);
    await until('Spring has both', async () => (await springLists()).length === 2);
    mesh = new SteadyCaller(async () => {
      const { status, body } = await callEgress(envoy.ports.egress, registry.host);
      return orders.checked(status, body);
    }, 10);
    sdk = new SteadyCaller(async () => {
      const answer = await fetch(`http://127.0.0.1:${spring.ports.http}/call/orders`);
      return orders.checked(answer.status, await answer.text());
    }, 10);
  }, 300_000);

  afterAll(async () => {
    await Promise.all([mesh?.stop(), sdk?.stop()]);
    await Promise.all([envoy?.stop(), spring?.stop(), bridge?.close()]);
    await Promise.all([kubernetes?.stop(), registry?.stop(), orders?.stop()]);
  }, 60_000);

  test('before: both kinds of callers call whoever has the address, as long as the registry lists it', async () => {
    expect(await mesh.calls(20)).toMatchObject({ errors: 0 });
    mesh.mark();
    sdk.mark();
    await orders.handOver(A);
    await orders.bringUp(C);
    const outcomes = await Promise.all([mesh.calls(100), sdk.calls(100)]);
    report(`${registry.host} before`, outcomes);
    for (const { errors } of outcomes) expect(errors).toBeGreaterThan(20);
    expect([...mesh.answers(), ...sdk.answers()]).not.toContain(C);
    await orders.tearDown(C);
    await orders.takeBack();
    await orders.bringUp(A);
  }, 60_000);

  test('after: the mesh drops the dead one and takes the new one, and the registry is told for SDK callers', async () => {
    const services = ['target/*'];
    await bridge.configure(registries(), {
      liveness: {
        kubernetes: [{ registry: 'k8s', services, podCidrs: ['127.0.4.0/24'], admit: [{ services, namespaces: ['shop'] }] }],
        correct: { registries: ['target'], after: '200ms' },
      },
    });
    await until('the Pods are known', async () => {
      const { counts } = await bridge.get<DiagnosticList>('diagnostics');
      return counts['workloads.unknown'] === undefined && (await inMesh()).join() === [A, B].join();
    });
    mesh.mark();
    sdk.mark();
    expect((await Promise.all([mesh.calls(30), sdk.calls(30)])).map(({ errors }) => errors)).toEqual([0, 0]);
    mesh.mark();
    sdk.mark();
    await orders.handOver(A);
    await orders.bringUp(C);
    await until('Envoy has the new one, not the dead one', async () => (await inEnvoy()).join() === `${B}:${port},${C}:${port}`);
    const meshMove = mesh.outcome();
    // Every second call would fail: less than a second's, counted and not timed. It is 0 or 1 on a machine that is not full.
    expect(meshMove.errors).toBeLessThan(25);
    mesh.mark();
    await until('the registry was told', async () =>
      (await corrections()).some((c) => c.address === A && c.state === 'disabled'),
    );
    await until('Spring does not list it', async () => !(await springLists()).includes(A));
    const { calls } = sdk.outcome();
    await until('its balancer has forgotten it', () => sdk.outcome().calls > calls + 10 && sdk.recentErrors(10) === 0);
    report(`${registry.host} after`, [meshMove, sdk.outcome()]);
    sdk.mark();
    expect(await mesh.calls(100)).toMatchObject({ errors: 0 });
    expect(await sdk.calls(50)).toMatchObject({ errors: 0 });
    expect(mesh.answers()).toEqual(new Set([B, C]));
    expect(bridge.log).toContain(`registry: disable ${A}:${port} of target/`);
  }, 90_000);

  test('when the Pod is back under its address the registry is told again, and everybody uses it', async () => {
    await orders.takeBack();
    await orders.bringUp(A);
    await until('nothing is corrected', async () => (await corrections()).length === 0);
    await until('Spring lists it', async () => (await springLists()).includes(A), 60_000);
    await until('the mesh has it', async () => (await inMesh()).join() === [A, B, C].join());
  }, 120_000);
});

/** Services without a check, as the agent believes in them for ever. */
async function consulRegistry(): Promise<Registry> {
  const consul = await startConsul();
  const url = `http://127.0.0.1:${consul.ports.http}`;
  return {
    entry: { name: 'target', kind: 'consul', servers: [url] },
    host: 'orders.dc1.consul',
    spring: {
      registry: 'consul',
      address: `127.0.0.1:${consul.ports.http}`,
      // Without it this SDK takes instances whose checks fail, and those in maintenance.
      properties: { 'spring.cloud.loadbalancer.cache.ttl': '1s', 'spring.cloud.consul.discovery.query-passing': 'true' },
    },
    register: async (address, port) => {
      const body = JSON.stringify({ ID: `orders-${address}`, Name: 'orders', Address: address, Port: port });
      const answer = await fetch(`${url}/v1/agent/service/register`, { method: 'PUT', body });
      if (!answer.ok) throw new Error(`Consul answers ${answer.status}`);
    },
    stop: () => consul.stop(),
  };
}

async function eurekaRegistry(): Promise<Registry> {
  const eureka = await borrowEureka();
  const client = new EurekaClient(eureka.ports.http);
  const url = `http://127.0.0.1:${eureka.ports.http}/eureka`;
  return {
    entry: { name: 'target', kind: 'eureka', servers: [url], pollInterval: '500ms' },
    host: 'orders.eureka',
    spring: {
      registry: 'eureka',
      address: `${url}/`,
      // An SDK of Eureka asks every 30 s by default.
      properties: { 'spring.cloud.loadbalancer.cache.ttl': '1s', 'eureka.client.registry-fetch-interval-seconds': '1' },
    },
    register: (address, port) => client.register('orders', port, { address }),
    stop: () => eureka.giveBack(),
  };
}

/** For who reads the log of the tests: they assert counts, not times. */
function report(when: string, [mesh, sdk]: readonly Outcome[]): void {
  const line = (who: string, o: Outcome | undefined) =>
    `${who}: ${o?.errors} of ${o?.calls} calls failed, the last after ${o?.seconds.toFixed(2)} s`;
  process.stderr.write(`${when}: ${line('through the mesh', mesh)}; ${line('Spring Cloud', sdk)}\n`);
}
