// What npm consul and eureka-js-client see, and what the mesh does, while a Pod is evicted and another one comes. Both at once: Eureka's window is 90 s.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { DiagnosticList, EndpointView, ItemList, ShadowView } from '@isthmus/contract';
import { until } from '@isthmus/model/testing';
import { borrowEureka, freePorts, startConsul, startKubernetes } from '@isthmus/servers';
import type { Borrowed, ConsulServer, EurekaPorts, KubernetesServer } from '@isthmus/servers';
import { BridgeProcess } from './support/bridge.ts';
import { startCli } from './support/cli.ts';
import { EurekaClient } from './support/eureka-client.ts';
import { MovingPods } from './support/moving-pods.ts';
import { Pods } from './support/pods.ts';
import { SdkCaller } from './support/sdk-caller.ts';

/** Kubernetes takes such addresses for Pods, and this machine has them. */
const [A, B, C] = ['127.0.6.11', '127.0.6.12', '127.0.6.13'] as const;
const SDKS = [
  { kind: 'consul', host: 'orders.dc1.consul', windowMs: 20_000 },
  { kind: 'eureka', host: 'orders.eureka', windowMs: 90_000 },
] as const;
type Sdk = (typeof SDKS)[number];

describe('what SDKs of Consul and Eureka see of orders, and what the mesh does', () => {
  let kubernetes: KubernetesServer;
  let consul: ConsulServer;
  let eureka: Borrowed<EurekaPorts>;
  let bridge: BridgeProcess;
  let orders: MovingPods;
  let port = 0;
  const callers = new Map<Sdk, SdkCaller>();

  const shadow = async ({ host }: Sdk): Promise<ShadowView | undefined> =>
    (await bridge.get<ItemList<ShadowView>>(`shadow?host=${host}`)).items[0];
  const each = (work: (sdk: Sdk) => Promise<void>): Promise<unknown> => Promise.all(SDKS.map(work));
  const equal = (what: string): Promise<unknown> =>
    each(async (sdk) => {
      let last: ShadowView | undefined;
      const isEqual = async (): Promise<boolean> => {
        last = await shadow(sdk);
        return last?.processes === 1 && last.similarity === 1 && last.divergences.length === 0;
      };
      await until(`${sdk.kind}: ${what}`, isEqual, 120_000).catch((error: Error) => {
        throw new Error(`${error.message}: ${JSON.stringify(last)}`);
      });
    });
  const register = async (address: string): Promise<void> => {
    const body = JSON.stringify({ ID: `orders-${address}`, Name: 'orders', Address: address, Port: port });
    const url = `http://127.0.0.1:${consul.ports.http}/v1/agent/service/register`;
    expect((await fetch(url, { method: 'PUT', body })).status).toBe(200);
    await new EurekaClient(eureka.ports.http).register('orders', port, { address });
  };
  const steer = async (path: string, body?: string): Promise<void> => {
    const answer = await fetch(`http://127.0.0.1:${bridge.ports.control}/api/v1/plans${path}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${await bridge.adminToken()}`, 'content-type': 'application/yaml' },
      body: body ?? '',
    });
    expect([path, answer.status, await answer.text()]).toEqual([path, 200, expect.anything()]);
  };
  /** Who answered since the last look. */
  const answers = async (sdk: Sdk): Promise<readonly string[]> => {
    const { bodies } = (await callers.get(sdk)?.report()) ?? { bodies: {} };
    return [...new Set(Object.keys(bodies).map((body) => body.split(' ')[1] ?? ''))].sort();
  };

  beforeAll(async () => {
    [kubernetes, consul, eureka] = await Promise.all([startKubernetes(), startConsul(), borrowEureka()]);
    port = (await freePorts(1))[0] as number;
    orders = new MovingPods(await Pods.in(kubernetes, 'shop'), port);
    for (const address of [A, B]) {
      await orders.bringUp(address);
      await register(address);
    }
    const registries = [
      { name: 'hq', kind: 'consul', servers: [`http://127.0.0.1:${consul.ports.http}`] },
      { name: 'old', kind: 'eureka', servers: [`http://127.0.0.1:${eureka.ports.http}/eureka`], pollInterval: '500ms' },
      { name: 'k8s', kind: 'kubernetes', kubeconfig: kubernetes.kubeconfig },
    ];
    const services = ['hq/*', 'old/*'];
    const pods = { registry: 'k8s', services, podCidrs: ['127.0.6.0/24'], admit: [{ services, namespaces: ['shop'] }] };
    bridge = await BridgeProcess.start(registries, {
      agents: { open: SDKS.map(({ kind }) => `web-${kind}`), reportEvery: '1s' },
      liveness: { kubernetes: [pods] },
    });
    await until('the Pods are known', async () => (await bridge.get<DiagnosticList>('diagnostics')).counts['workloads.unknown'] === undefined); // prettier-ignore
    for (const sdk of SDKS) {
      await until(`the bridge knows ${sdk.host}`, async () => (await bridge.get<ItemList<EndpointView>>(`endpoints?host=${sdk.host}`)).items.length === 2); // prettier-ignore
      await steer('', planOf(sdk));
      const at = sdk.kind === 'consul' ? consul.ports.http : eureka.ports.http;
      const env = { ISTHMUS_CONTROL: `http://127.0.0.1:${bridge.ports.control}`, ISTHMUS_SERVICE: `web-${sdk.kind}` };
      callers.set(sdk, SdkCaller.start(sdk.kind, at, 'orders', env));
    }
  }, 300_000);

  afterAll(async () => {
    await Promise.all([...callers.values()].map((caller) => caller.stop()));
    await bridge?.close();
    await Promise.all([kubernetes?.stop(), consul?.stop(), eureka?.giveBack(), orders?.stop()]);
  }, 60_000);

  test('is equal in steady state', async () => {
    await equal('both views are equal');
    await each(async (sdk) => {
      expect(await shadow(sdk)).toMatchObject({ host: sdk.host, port: 80, windowMs: sdk.windowMs });
      await until('both answer', async () => (await answers(sdk)).join() === [A, B].join());
    });
  }, 150_000);

  test('differs by the Pod that is evicted, which the registry still lists, and by the one that is not registered yet', async () => {
    await orders.handOver(A);
    await orders.bringUp(C);
    await each(async (sdk) => {
      await until(
        `${sdk.kind}: the differences count`,
        async () => (await shadow(sdk))?.divergences.filter(({ counts }) => counts).length === 2,
        sdk.windowMs + 90_000,
      );
      const view = await shadow(sdk);
      expect(view).toMatchObject({
        divergences: [
          { at: `${A}:${port}`, kind: 'health', sdk: 'healthy', mesh: 'unhealthy', code: 'stale-in-registry', processes: 1 },
          { at: `${C}:${port}`, kind: 'only-mesh', code: 'admitted', processes: 1 },
        ],
      });
      expect(view?.similarity).toBeCloseTo(1 / 3);
      expect(view?.divergences[0]?.explanation).toMatch(
        /Pod shop\/orders-127-0-6-11 is gone|the address now belongs to Pod shop\/payments-1/,
      );
      // Its SDK does call whoever has the address now.
      await until('the stranger answers', async () => (await answers(sdk)).includes('payments'));
      const diff = await startCli(['diff', sdk.host, '--control', `http://127.0.0.1:${bridge.ports.control}`], { cwd: bridge.directory }).ended; // prettier-ignore
      expect(diff).toMatchObject({ code: 1, stdout: expect.stringMatching(/stale-in-registry[^]*admitted/) });
    });
  }, 300_000);

  test('at discovery calls go by the mesh: past the Pod that is gone, and to the new one at once', async () => {
    for (const { kind } of SDKS) await steer(`/orders-${kind}/promote`);
    await each(async (sdk) => {
      await answers(sdk);
      await until(`${sdk.kind}: it goes by the mesh`, async () => (await answers(sdk)).join() === [B, C].join(), 60_000);
      await callers.get(sdk)?.report();
      let calls = 0;
      await until('200 calls', async () => {
        const report = await callers.get(sdk)?.report();
        expect(report?.failures).toEqual([]);
        expect(Object.keys(report?.bodies ?? {}).filter((body) => body.endsWith(' payments'))).toEqual([]);
        return (calls += report?.calls ?? 0) >= 200;
      });
    });
  }, 180_000);

  test('is equal again when the Pod is back under its address and the new one is registered', async () => {
    await orders.takeBack();
    await orders.bringUp(A);
    await register(C);
    await equal('both views are equal again');
    await each(async (sdk) => until('all answer', async () => (await answers(sdk)).join() === [A, B, C].join()));
  }, 180_000);
});

function planOf({ kind, host }: Sdk): string {
  return `
apiVersion: isthmus.dev/v1alpha1
kind: Migration
metadata: { name: orders-${kind} }
spec:
  target: ${host}
  consumers: [web-${kind}]
  steps: [{ rung: shadow, for: 1h }, { rung: discovery, for: 1h }]
`;
}
