import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import type { DiagnosticList } from '@isthmus/contract';
import { POLICIES, markOf } from '@isthmus/ladder';
import type { Rung } from '@isthmus/ladder';
import { until } from '@isthmus/model/testing';
import { startIstiod, startKubernetes } from '@isthmus/servers';
import type { EnvoyServer, IstiodServer, KubernetesServer } from '@isthmus/servers';
import { parseAllDocuments, stringify } from 'yaml';
import { BridgeProcess } from './support/bridge.ts';
import { startCli } from './support/cli.ts';
import { CountingService } from './support/counting-service.ts';
import { callEgress } from './support/egress.ts';
import { hostsOf, rejectedOf, startSidecar } from './support/envoy.ts';

jest.setTimeout(180_000);

const HOST = 'orders.mesh';
const KEPT = markOf(POLICIES);
/** Somebody's own rules: three attempts, ejection after five errors in a row. */
const RULES = `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: orders, namespace: rules }
spec:
  hosts: [${HOST}]
  http: [{ retries: { attempts: 2, retryOn: 5xx, backoff: 1ms }, route: [{ destination: { host: ${HOST} } }] }]
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: orders, namespace: legacy }
spec:
  host: ${HOST}
  trafficPolicy:
    outlierDetection: { consecutive5xxErrors: 5, interval: 1s, baseEjectionTime: 3s, maxEjectionPercent: 100 }
`;
const STOCK_ENVOY = {
  env: { PILOT_ENABLE_ALPN_FILTER: 'false', PILOT_ENABLE_METADATA_EXCHANGE: 'false' },
  meshConfig: { enableAutoMtls: false, defaultProviders: { metrics: [] } },
};

interface Config {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace: string };
}

/** A bridge, an istiod that has its objects from it, and two workloads of one namespace beside Envoys that istiod serves. */
class Stage {
  readonly bridge: BridgeProcess;
  readonly istiod: IstiodServer;
  readonly orders: CountingService;
  readonly web: EnvoyServer<'egress'>;
  readonly other: EnvoyServer<'egress'>;
  #calls = 0;

  private constructor(parts: Pick<Stage, 'bridge' | 'istiod' | 'orders' | 'web' | 'other'>) {
    ({ bridge: this.bridge, istiod: this.istiod, orders: this.orders, web: this.web, other: this.other } = parts);
  }

  static async set(bridge: BridgeProcess, orders: CountingService, options: object): Promise<Stage> {
    const endpoints = orders.ports.map((port) => ({ address: '127.0.0.1', port }));
    const services = [{ host: HOST, meshNamespace: 'legacy', endpoints }];
    await writeFile(join(bridge.directory, 'services.yaml'), stringify({ services }));
    await mkdir(join(bridge.directory, 'plans.d'));
    await bridge.run();
    const istiod = await startIstiod({ ...STOCK_ENVOY, ...options });
    const sidecar = (name: string) =>
      startSidecar(istiod.ports.grpc, 'GRPC', name, {
        NAMESPACE: 'default',
        INTERCEPTION_MODE: 'NONE',
        LABELS: { 'service.istio.io/canonical-name': name },
      });
    const [web, other] = [await sidecar('web'), await sidecar('other')];
    for (const envoy of [web, other])
      await until('the instances are in Envoy', async () => (await hostsOf(envoy, `outbound|80||${HOST}`)).length === 3);
    return new Stage({ bridge, istiod, orders, web, other });
  }

  async plan(rung: Rung | undefined): Promise<void> {
    const file = join(this.bridge.directory, 'plans.d/orders.yaml');
    if (rung === undefined) return rm(file);
    const spec = { target: HOST, consumers: ['web'], steps: [{ rung, for: '1h' }] };
    await writeFile(
      `${file}.new`,
      stringify({ apiVersion: 'isthmus.dev/v1alpha1', kind: 'Migration', metadata: { name: 'orders' }, spec }),
    );
    await rename(`${file}.new`, file);
  }

  /** Attempts of one call that fails once, as the servers count them. */
  async attempts(envoy: EnvoyServer<'egress'>, headers: Readonly<Record<string, string>> = {}): Promise<number> {
    const call = `call-${(this.#calls += 1)}`;
    await callEgress(envoy.ports.egress, HOST, { 'x-call': call, 'x-fail': '1', ...headers });
    return this.orders.attempts.get(call)?.length ?? 0;
  }

  /** Calls of thirty that fail always which arrive: fewer, where instances are ejected. */
  async arriving(envoy: EnvoyServer<'egress'>): Promise<number> {
    let arrived = 0;
    for (let turn = 0; turn < 30; turn += 1) if ((await this.attempts(envoy, { 'x-fail': '1000' })) > 0) arrived += 1;
    return arrived;
  }

  /** VirtualServices and DestinationRules that istiod has. */
  async rules(): Promise<readonly string[]> {
    const answer = await fetch(`http://127.0.0.1:${this.istiod.ports.monitoring}/debug/configz`);
    const all = (await answer.json()) as readonly Config[];
    const kinds = new Set(['VirtualService', 'DestinationRule']);
    const found = all.filter(({ kind }) => kinds.has(kind));
    return found.map(({ kind, metadata }) => `${kind} ${metadata.namespace}/${metadata.name}`).sort();
  }

  async said(): Promise<readonly string[]> {
    const { items } = await this.bridge.get<DiagnosticList>('diagnostics');
    return items.map(({ code }) => code).filter((code) => code.startsWith('plan.') || code.startsWith('output.'));
  }

  async stop(): Promise<void> {
    await this.web.stop();
    await this.other.stop();
    await this.istiod.stop();
  }
}

const THEIRS = ['DestinationRule legacy/orders', 'VirtualService rules/orders'];
const ALL = [
  'DestinationRule default/callers-of.orders.mesh',
  'DestinationRule default/web-to.orders.mesh',
  'DestinationRule legacy/orders',
  'VirtualService default/callers-of.orders.mesh',
  'VirtualService rules/orders',
];

describe.each(['mcp', 'kubernetes'] as const)('what plans leave to callers, told to istiod by %s', (by) => {
  let orders: CountingService;
  let bridge: BridgeProcess;
  let cluster: KubernetesServer | undefined;
  let stage: Stage;

  beforeAll(async () => {
    orders = await CountingService.start(3);
    const istio = { callerNamespaces: ['default'] };
    const plans = { dir: 'plans.d' };
    const source = { name: 'fixed', kind: 'file', path: 'services.yaml' };
    if (by === 'mcp') {
      bridge = await BridgeProcess.prepare([source], { istio: { ...istio, dir: 'istio.d' }, plans });
      const dir = join(bridge.directory, 'istio.d');
      await mkdir(dir);
      await writeFile(join(dir, 'rules.yaml'), RULES);
      const configSources = [{ address: `fs://${dir}` }, { address: `xds://127.0.0.1:${bridge.ports.mcp}` }];
      stage = await Stage.set(bridge, orders, { meshConfig: { ...STOCK_ENVOY.meshConfig, configSources } });
    } else {
      cluster = await startKubernetes({ istioCrds: true });
      for (const name of ['rules', 'legacy'])
        await cluster.must({
          method: 'POST',
          path: '/api/v1/namespaces',
          body: { apiVersion: 'v1', kind: 'Namespace', metadata: { name } },
        });
      for (const document of parseAllDocuments(RULES)) {
        const object = document.toJS() as Config;
        const path = `/apis/networking.istio.io/v1/namespaces/${object.metadata.namespace}/${object.kind.toLowerCase()}s`;
        await cluster.must({ method: 'POST', path, body: object });
      }
      const k8s = { name: 'k8s', kind: 'kubernetes', kubeconfig: cluster.kubeconfig };
      bridge = await BridgeProcess.prepare([source, k8s], {
        istio: { ...istio, registry: 'k8s' },
        plans,
        outputs: { kubernetes: { registry: 'k8s', namespace: 'legacy' } },
      });
      stage = await Stage.set(bridge, orders, { kubeconfig: cluster.kubeconfig });
    }
  }, 900_000);

  afterAll(async () => {
    await stage?.stop();
    await bridge?.close();
    await cluster?.stop();
    await orders?.stop();
  }, 60_000);

  test('without a plan both workloads have the rules of the service', async () => {
    expect(await stage.rules()).toEqual(THEIRS);
    for (const envoy of [stage.web, stage.other]) {
      await until('the mesh repeats', async () => (await stage.attempts(envoy)) === 2);
      await until('the mesh ejects', async () => (await stage.arriving(envoy)) < 30);
    }
  });

  test('at traffic retries and ejection are off for the consumer, with a mark or without, and on for the other workload', async () => {
    await stage.plan('traffic');
    await until('istiod has the objects', async () => (await stage.rules()).join() === ALL.join());
    await until('nobody repeats for web', async () => (await stage.attempts(stage.web)) === 1);
    expect(await stage.attempts(stage.web, { 'x-isthmus-keeps': KEPT })).toBe(1);
    expect([...orders.attempts.values()].flat().filter(({ headers }) => 'x-isthmus-keeps' in headers)).toEqual([]);
    await until('nothing is ejected for web', async () => (await stage.arriving(stage.web)) === 30);
    expect(await stage.arriving(stage.web)).toBe(30);
    await until('the other is repeated for', async () => (await stage.attempts(stage.other)) === 2);
    await until('and ejected for', async () => (await stage.arriving(stage.other)) < 30);
    expect(await stage.said()).toEqual([]);
  });

  test('at resilience they are on for the consumer again', async () => {
    await stage.plan('resilience');
    await until(
      'the breaker’s rule is gone',
      async () => !(await stage.rules()).includes('DestinationRule default/web-to.orders.mesh'),
    );
    await until('the mesh repeats', async () => (await stage.attempts(stage.web, { 'x-isthmus-keeps': 'none' })) === 2);
    await until('the mesh ejects', async () => (await stage.arriving(stage.web)) < 30);
  });

  if (by === 'kubernetes')
    test('the objects are ours by labels and field manager, somebody’s own are as they were, and a dry run shows them', async () => {
      const path = '/apis/networking.istio.io/v1/namespaces/default/virtualservices/callers-of.orders.mesh';
      const { metadata, spec } = (await (cluster as KubernetesServer).must({ path })) as {
        readonly metadata: { readonly labels: object; readonly managedFields: readonly { readonly manager: string }[] };
        readonly spec: { readonly exportTo: readonly string[] };
      };
      expect(metadata.labels).toMatchObject({ 'isthmus.dev/managed-by': 'isthmus', 'isthmus.dev/mesh': 'test' });
      expect(metadata.managedFields.map(({ manager }) => manager)).toEqual(['isthmus']);
      expect(spec.exportTo).toEqual(['.']);
      const args = ['export', '--diff', '--control', `http://127.0.0.1:${bridge.ports.control}`];
      const { stdout } = await startCli(args, { cwd: bridge.directory }).ended;
      expect(stdout).toContain('0 to create, 0 to change, 0 to delete, 2 as they should be');
    });

  test('they go with the plan', async () => {
    await stage.plan(undefined);
    await until('istiod has somebody’s own alone', async () => (await stage.rules()).join() === THEIRS.join());
    await until(
      'the mesh repeats for both',
      async () => (await stage.attempts(stage.web)) + (await stage.attempts(stage.other)) === 4,
    );
  });

  test('Envoy rejected nothing of all this', async () => {
    for (const envoy of [stage.web, stage.other]) expect(await rejectedOf(envoy)).toEqual({});
  });
});
