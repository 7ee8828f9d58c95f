import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { CorrectionView, DiagnosticList, EndpointView, ExplainAnswer, ItemList } from '@isthmus/contract';
import { until } from '@isthmus/model/testing';
import { borrowNacos2, freePorts, startKubernetes, startSpringApp } from '@isthmus/servers';
import type { Borrowed, EnvoyServer, KubernetesServer, NacosPorts, SpringApp } from '@isthmus/servers';
import { Backend } from './support/backend.ts';
import { BridgeProcess } from './support/bridge.ts';
import { startCli } from './support/cli.ts';
import { callEgress, shares } from './support/egress.ts';
import { clusterHosts, hostsOf, startSidecar } from './support/envoy.ts';
import { MovingPods } from './support/moving-pods.ts';
import { ownAddress } from './support/own-address.ts';
import { Pods } from './support/pods.ts';
import { SteadyCaller } from './support/steady-caller.ts';
import type { Outcome } from './support/steady-caller.ts';

const HOST = 'orders.default-group.public.nacos';
/** Kubernetes takes such addresses for Pods (not for EndpointSlices), and this machine has them. */
const [A, B, C] = ['127.0.3.11', '127.0.3.12', '127.0.3.13'] as const;

describe('a Pod moves, and the registry lists the dead one and not yet the new one', () => {
  let kubernetes: KubernetesServer;
  let nacos: Borrowed<NacosPorts>;
  let spring: SpringApp;
  let bridge: BridgeProcess;
  let envoy: EnvoyServer<'egress'>;
  let pods: Pods;
  let mesh: SteadyCaller;
  let sdk: SteadyCaller;
  let port = 0;
  let orders: MovingPods;

  const registries = () => [
    { name: 'shop', kind: 'nacos', servers: [`http://127.0.0.1:${nacos.ports.http}`], listInterval: '1s' },
    { name: 'k8s', kind: 'kubernetes', kubeconfig: kubernetes.kubeconfig },
  ];
  const inMesh = async () => {
    const { items } = await bridge.get<ItemList<EndpointView>>(`endpoints?host=${HOST}`);
    return items
      .filter((e) => e.takesTraffic)
      .map((e) => e.address)
      .sort();
  };
  const inEnvoy = () => hostsOf(envoy, `outbound|80||${HOST}`);
  const corrections = async () => (await bridge.get<ItemList<CorrectionView>>('corrections')).items;

  /** As an SDK of a process that keeps a long lease: Nacos believes in it for ten minutes. */
  const register = (address: string) => registerAt('orders', address, port);

  async function registerAt(service: string, address: string, at: number): Promise<void> {
    const lease = { 'preserved.heart.beat.timeout': '600000', 'preserved.ip.delete.timeout': '600000' };
    const query = new URLSearchParams({
      serviceName: `DEFAULT_GROUP@@${service}`,
      ip: address,
      port: String(at),
      ephemeral: 'true',
      metadata: JSON.stringify(lease),
    });
    const answer = await fetch(`http://127.0.0.1:${nacos.ports.http}/nacos/v1/ns/instance?${query}`, { method: 'POST' });
    if (!answer.ok) throw new Error(`Nacos answers ${answer.status}`);
  }

  /** As its controllers would write it. */
  async function inCluster(name: string, addresses: readonly string[], at: number): Promise<void> {
    const of = { metadata: { name, labels: { 'kubernetes.io/service-name': name } } };
    const ports = [{ name: 'http', port: at, protocol: 'TCP' }];
    const endpoints = addresses.map((address) => ({ addresses: [address], conditions: { ready: true } }));
    await kubernetes.must({ method: 'POST', path: '/api/v1/namespaces/shop/services', body: { ...of, spec: { ports } } });
    await kubernetes.must({
      method: 'POST',
      path: '/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices',
      body: { ...of, addressType: 'IPv4', ports, endpoints },
    });
  }

  async function viaSpring(): Promise<string> {
    const answer = await fetch(`http://127.0.0.1:${spring.ports.http}/call/orders`);
    return orders.checked(answer.status, await answer.text());
  }

  async function viaMesh(): Promise<string> {
    const { status, body } = await callEgress(envoy.ports.egress, HOST);
    return orders.checked(status, body);
  }

  beforeAll(async () => {
    [kubernetes, nacos] = await Promise.all([startKubernetes(), borrowNacos2()]);
    pods = await Pods.in(kubernetes, 'shop');
    port = (await freePorts(1))[0] as number;
    orders = new MovingPods(pods, port);
    await Promise.all([A, B].map((address) => orders.bringUp(address)));
    await Promise.all([A, B].map(register));
    // Its balancer remembers instances for 35 s by default.
    const properties = { 'spring.cloud.loadbalancer.cache.ttl': '1s' };
    spring = await startSpringApp({ registry: 'nacos', address: `127.0.0.1:${nacos.ports.http}`, properties });
    bridge = await BridgeProcess.start(registries(), { liveness: { kubernetes: [] } });
    envoy = await startSidecar(bridge.ports.xds, 'DELTA_GRPC');
    await until('Envoy has both', async () => (await inEnvoy()).length === 2);
    await until('Spring has both', async () => {
      const answer = await fetch(`http://127.0.0.1:${spring.ports.http}/instances/orders`);
      return ((await answer.json()) as unknown[]).length === 2;
    });
    mesh = new SteadyCaller(viaMesh, 10);
    sdk = new SteadyCaller(viaSpring, 10);
  }, 300_000);

  afterAll(async () => {
    await Promise.all([mesh?.stop(), sdk?.stop()]);
    await Promise.all([envoy?.stop(), spring?.stop(), bridge?.close()]);
    await Promise.all([kubernetes?.stop(), nacos?.giveBack(), orders?.stop()]);
  }, 60_000);

  test('before: without the cross-check both kinds of callers call whoever has the address, as long as the registry lists it', async () => {
    expect(await mesh.calls(20)).toMatchObject({ errors: 0 });
    expect(await sdk.calls(20)).toMatchObject({ errors: 0 });
    mesh.mark();
    sdk.mark();
    await orders.handOver(A);
    await orders.bringUp(C);
    const outcomes = await Promise.all([mesh.calls(200), sdk.calls(200)]);
    report('before', outcomes);
    for (const { errors } of outcomes) expect(errors).toBeGreaterThan(20);
    expect([...mesh.answers(), ...sdk.answers()]).not.toContain(C);
    expect(await inMesh()).toEqual([A, B]);
    await orders.tearDown(C);
    await orders.takeBack();
    await orders.bringUp(A);
  }, 60_000);

  test('after: the mesh drops the dead one and takes the new one, and the registry is told for SDK callers', async () => {
    const services = ['shop/*'];
    await bridge.configure(registries(), {
      liveness: {
        kubernetes: [{ registry: 'k8s', services, podCidrs: ['127.0.3.0/24'], admit: [{ services, namespaces: ['shop'] }] }],
        correct: { registries: ['shop'], after: '200ms' },
      },
    });
    let seen = '';
    await until(
      () => `the Pods are known: ${seen}`,
      async () => (seen = await lineOf(bridge, 'workloads')) === 'isthmus_workloads{cluster="k8s",state="live"} 2',
    );
    expect((await bridge.get<DiagnosticList>('diagnostics')).counts['workloads.unknown']).toBeUndefined();
    expect(await inMesh()).toEqual([A, B]);
    mesh.mark();
    sdk.mark();
    expect((await Promise.all([mesh.calls(50), sdk.calls(50)])).map(({ errors }) => errors)).toEqual([0, 0]);

    mesh.mark();
    sdk.mark();
    await orders.handOver(A);
    await orders.bringUp(C);
    await until(
      'Envoy has the new one and not the dead one',
      async () => (await inEnvoy()).join() === `${B}:${port},${C}:${port}`,
    );
    const meshMove = mesh.outcome();
    // Every second call would fail: less than a second's, counted and not timed. It is 0 or 1 on a machine that is not full.
    expect(meshMove.errors).toBeLessThan(25);
    mesh.mark();
    await until('Nacos was told', async () => (await corrections()).some((c) => c.address === A && c.state === 'disabled'));
    await until('Spring does not list it', async () => !(await springLists(spring)).includes(A));
    const ttl = sdk.outcome().calls;
    await until('its balancer has forgotten it', () => sdk.outcome().calls > ttl + 10 && quiet(sdk));
    report('after', [meshMove, sdk.outcome()]);
    sdk.mark();
    expect(await mesh.calls(200)).toMatchObject({ errors: 0 });
    expect(await sdk.calls(100)).toMatchObject({ errors: 0 });
    expect(mesh.answers()).toEqual(new Set([B, C]));

    const { matches } = await bridge.get<ExplainAnswer>(`explain?q=${HOST}`);
    const admitted = matches[0]?.origins.flatMap(({ endpoints }) => endpoints).find(({ address }) => address === C);
    expect(admitted).toMatchObject({ takesTraffic: true, labels: { app: 'orders' } });
    const audit = `registry: disable ${A}:${port} of shop/public/DEFAULT_GROUP/orders: `;
    expect(bridge.log).toContain(audit);
    expect(bridge.log.split(audit)[1]).toMatch(
      /^Pod shop\/orders-127-0-3-11 is gone|^the address now belongs to Pod shop\/payments-1/,
    );
  }, 90_000);

  test('when the Pod is back under its address the registry is told again, and everybody uses it', async () => {
    await orders.takeBack();
    await orders.bringUp(A);
    await until('nothing is corrected', async () => (await corrections()).length === 0);
    await until('Spring lists it', async () => (await springLists(spring)).includes(A));
    await until('the mesh has it', async () => (await inMesh()).join() === [A, B, C].join());
    await register(C);
    await until('the registry lists the new one', async () => (await springLists(spring)).includes(C));
    expect(await inMesh()).toEqual([A, B, C]);
  }, 60_000);

  test('a Pod that is not ready or terminating leaves while the registry lists it, and says so', async () => {
    await bridge.configure(registries(), { liveness: { kubernetes: [{ registry: 'k8s', podCidrs: ['127.0.3.0/24'] }] } });
    await until('nothing is admitted or corrected any more', async () => (await inMesh()).length === 3);
    await pods.setReady('orders-127-0-3-11', false);
    await until('Envoy has it no more', async () => !(await inEnvoy()).includes(`${A}:${port}`));
    const { matches } = await bridge.get<ExplainAnswer>(`explain?q=${A}`);
    expect(matches[0]?.leftOut).toEqual([
      expect.objectContaining({
        address: A,
        reason: expect.stringContaining('evicted: Pod shop/orders-127-0-3-11 is not ready since'),
      }),
    ]);
    const { counts } = await bridge.get<DiagnosticList>('diagnostics');
    expect(counts['endpoint.evicted']).toBe(1);
    await pods.setReady('orders-127-0-3-11', true);
    await until('Envoy has it again', async () => (await inEnvoy()).includes(`${A}:${port}`));
    await pods.terminate('orders-127-0-3-13');
    await until('Envoy has not the one that ends', async () => !(await inEnvoy()).includes(`${C}:${port}`));
  }, 60_000);

  test('a service that is in both is one, with the instances of both, and the two are compared', async () => {
    await registerAt('stock', '10.244.0.1', 8080);
    await registerAt('stock', '10.244.0.9', 8080);
    await inCluster('stock', ['10.244.0.1', '10.244.0.2'], 8080);
    const rule = { services: 'shop/*/*/stock', kubernetes: 'k8s/shop/{name}', policy: 'both' };
    await bridge.configure(registries(), { merge: { kubernetes: [rule] } });
    await until('it has the instances of both', async () => {
      const { items } = await bridge.get<ItemList<EndpointView>>('endpoints?host=stock.');
      return items.map(({ address }) => address).join() === '10.244.0.1,10.244.0.2,10.244.0.9';
    });
    const control = `http://127.0.0.1:${bridge.ports.control}`;
    const { code, stdout } = await startCli(['diff', 'stock', '--control', control], { cwd: bridge.directory }).ended;
    expect(code).toBe(1);
    expect(stdout).toMatch(/10\.244\.0\.2:8080\s+only in Kubernetes/);
    expect(stdout).toMatch(/10\.244\.0\.9:8080\s+only in the registry/);
    expect(stdout).not.toContain('10.244.0.1:');
  }, 60_000);

  test('calls of a service that is in both follow the configured shares, whichever side has more instances', async () => {
    const listed = await Promise.all([A, B].map((address) => Backend.start('registry', address)));
    const clustered = await Backend.start('kubernetes', ownAddress());
    try {
      for (const { address, port: at } of listed) await registerAt('prices', address, at);
      await inCluster('prices', [clustered.address], clustered.port);
      const host = 'prices.default-group.public.nacos';
      const inKubernetes = `${clustered.address}:${clustered.port}`;
      // Unweighted, the one instance of Kubernetes would have a third.
      for (const percent of [20, 80]) {
        const weights = { registry: 100 - percent, kubernetes: percent };
        const rule = { services: 'shop/*/*/prices', kubernetes: 'k8s/shop/{name}', policy: 'both', weights };
        await bridge.configure(registries(), { merge: { kubernetes: [rule] } });
        await until(`Envoy has the weights of ${percent} %`, async () => {
          const known = await clusterHosts(envoy, `outbound|80||${host}`);
          const weightOf = (key: string) => Number(known.get(key)?.get('weight'));
          const sum = [...known.keys()].reduce((total, key) => total + weightOf(key), 0);
          return known.size === 3 && Math.round((100 * weightOf(inKubernetes)) / sum) === percent;
        });
        const answers = await shares(envoy.ports.egress, host, 1_000);
        expect([...answers.keys()].sort()).toEqual(['kubernetes', 'registry']);
        expect(Math.abs((answers.get('kubernetes') ?? 0) / 10 - percent)).toBeLessThanOrEqual(5);
      }
    } finally {
      await Promise.all([...listed, clustered].map((backend) => backend.stop()));
    }
  }, 60_000);

  test('while Kubernetes cannot be asked nothing more is evicted', async () => {
    await kubernetes.kill();
    await until('the Pods are unknown', async () => {
      const { items } = await bridge.get<DiagnosticList>('diagnostics');
      return items.some((d) => d.code === 'workloads.unknown' && d.what.includes('stale'));
    });
    expect(await inMesh()).toEqual([A, B]);
    expect(await mesh.calls(20)).toBeDefined();
  }, 60_000);
});

/** No error in the last ten calls. */
function quiet(caller: SteadyCaller): boolean {
  return caller.recentErrors(10) === 0;
}

async function springLists(spring: SpringApp): Promise<readonly string[]> {
  const answer = await fetch(`http://127.0.0.1:${spring.ports.http}/instances/orders`);
  return ((await answer.json()) as { readonly host: string }[]).map(({ host }) => host);
}

/** The lines of a metric without what the exporter adds; none: ''. */
async function lineOf(bridge: BridgeProcess, name: string): Promise<string> {
  const text = await (await fetch(`http://127.0.0.1:${bridge.ports.control}/metrics`)).text();
  const lines = text.split('\n').filter((line) => line.startsWith(`isthmus_${name}{`));
  return lines.join('\n').replaceAll(',otel_scope_name="isthmus"', '');
}

/** For who reads the log of the tests: they assert counts, not times. */
function report(when: string, [mesh, sdk]: readonly Outcome[]): void {
  const line = (who: string, o: Outcome | undefined) =>
    `${who}: ${o?.errors} of ${o?.calls} calls failed, the last after ${o?.seconds.toFixed(2)} s`;
  process.stderr.write(`${when}: ${line('through the mesh', mesh)}; ${line('Spring Cloud', sdk)}\n`);
}
