import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { ItemList, PublicationList, SourceView } from '@isthmus/contract';
import { ENDPOINT_SLICES } from '@isthmus/kube';
import { until } from '@isthmus/model/testing';
import { serviceObject, sliceObject, sliceOf } from '@isthmus/registry-kubernetes/testing';
import type { ConsulServer, EnvoyServer, KubernetesServer } from '@isthmus/servers';
import { startConsul, startKubernetes } from '@isthmus/servers';
import { Backend } from './support/backend.ts';
import { BridgeProcess } from './support/bridge.ts';
import { callEgress } from './support/egress.ts';
import { hostsOf, startSidecar } from './support/envoy.ts';
import { ownAddress } from './support/own-address.ts';
import { SdkCaller } from './support/sdk-caller.ts';

const host = (name: string, namespace = 'shop') => `${name}.${namespace}.svc.cluster.local`;
const ordersCluster = `outbound|80||${host('orders')}`;
const rules = [
  { apiGroups: [''], resources: ['services', 'pods', 'nodes'], verbs: ['list', 'watch'] },
  { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: ['list', 'watch'] },
];

let kubernetes: KubernetesServer;
let bridge: BridgeProcess;
let envoy: EnvoyServer<'egress'>;
let backend: Backend;
let consul: ConsulServer;
let stock: Backend;
let caller: SdkCaller | undefined;
let registry: object;

const create = (path: string, body: unknown) => kubernetes.must({ method: 'POST', path, body });
const services = (namespace: string) => `/api/v1/namespaces/${namespace}/services`;
const slices = (namespace: string) => `/apis/discovery.k8s.io/v1/namespaces/${namespace}/endpointslices`;
const typed = (kind: typeof ENDPOINT_SLICES, object: object) => ({
  apiVersion: `${kind.group}/${kind.version}`,
  kind: kind.kind,
  ...object,
});
const states = async () =>
  Object.fromEntries((await bridge.get<ItemList<SourceView>>('sources')).items.map(({ namespace, state }) => [namespace, state]));

async function runService(namespace: string, name: string, address: string, port = 8080): Promise<void> {
  await create(services(namespace), serviceObject(namespace, name));
  await create(slices(namespace), typed(ENDPOINT_SLICES, sliceObject(namespace, name, { address, port })));
}

beforeAll(async () => {
  [kubernetes, consul] = await Promise.all([startKubernetes(), startConsul()]);
  await kubernetes.grant('reader', rules);
  for (const name of ['shop', 'temporary']) await create('/api/v1/namespaces', { metadata: { name } });
  backend = await Backend.start('monolith');
  // The only endpoints that may be loopback: slices refuse such addresses.
  const spec = { type: 'ExternalName', externalName: 'localhost' };
  await create(services('shop'), serviceObject('shop', 'monolith', [{ name: 'http', port: backend.port }], { spec }));
  await runService('shop', 'orders', '10.3.0.1');
  await runService('temporary', 'brief', '10.3.0.9');
  const kubeconfig = await kubernetes.kubeconfigFor('reader');
  registry = { name: 'k8s', kind: 'kubernetes', kubeconfig, heartbeat: '500ms', services: { exclude: ['default/*'] } };
  bridge = await BridgeProcess.start([registry]);
  envoy = await startSidecar(bridge.ports.xds, 'DELTA_GRPC');
}, 600_000);
afterAll(async () => {
  await Promise.all([envoy?.stop(), caller?.stop()]);
  await Promise.all([bridge?.close(), backend?.stop(), stock?.stop(), kubernetes?.stop(), consul?.stop()]);
}, 60_000);

test('an Envoy without Istio calls a Service of the cluster by its own host, and knows its instances', async () => {
  const call = () => callEgress(envoy.ports.egress, host('monolith'));
  await until('the Service answers', async () => (await call()).status === 200);
  expect(await call()).toEqual({ status: 200, body: 'monolith' });
  await until('the instance', async () => (await hostsOf(envoy, ordersCluster)).join() === '10.3.0.1:8080');
  expect(await states()).toEqual({ '': 'live', shop: 'live', temporary: 'live' });
}, 60_000);

test('an instance that comes is in Envoy, one that is not ready leaves it', async () => {
  const slice = (ready: boolean) =>
    typed(
      ENDPOINT_SLICES,
      sliceOf('shop', 'orders', 'more', [{ name: 'http', port: 8080 }], [{ addresses: ['10.3.0.2'], conditions: { ready } }]),
    );
  await create(slices('shop'), slice(true));
  await until('both', async () => (await hostsOf(envoy, ordersCluster)).length === 2);
  await kubernetes.must({ method: 'PUT', path: `${slices('shop')}/more`, body: slice(false) });
  await until('one again', async () => (await hostsOf(envoy, ordersCluster)).join() === '10.3.0.1:8080');
}, 60_000);

test('an API server that is gone is stale and changes nothing; what went while nobody watched goes afterwards', async () => {
  const path = `${services('temporary')}/brief`;
  await kubernetes.must({ method: 'DELETE', path });
  await until(
    'a removal that is seen',
    async () => !JSON.stringify(await bridge.get('services')).includes(host('brief', 'temporary')),
  );
  await create(services('temporary'), serviceObject('temporary', 'brief'));
  await until('it is back', async () => JSON.stringify(await bridge.get('services')).includes(host('brief', 'temporary')));

  await kubernetes.kill();
  await until('stale', async () => (await states())['shop'] === 'stale');
  expect((await hostsOf(envoy, ordersCluster)).join()).toBe('10.3.0.1:8080');
  expect(await callEgress(envoy.ports.egress, host('monolith'))).toEqual({ status: 200, body: 'monolith' });

  await bridge.end('SIGKILL');
  await kubernetes.restart();
  await kubernetes.must({ method: 'DELETE', path }); // the last Service of its namespace
  await bridge.run();
  await until('live', async () => Object.values(await states()).every((state) => state === 'live'));
  expect(JSON.stringify(await bridge.get('services'))).not.toContain(host('brief', 'temporary'));
  expect(await states()).toEqual({ '': 'live', shop: 'live', temporary: 'live' });
  expect((await hostsOf(envoy, ordersCluster)).join()).toBe('10.3.0.1:8080');
}, 120_000);

test('a Service that a rule publishes into Consul is found and called with its SDK, and gone when the Service is', async () => {
  stock = await Backend.start('stock', ownAddress());
  await runService('shop', 'stock', stock.address, stock.port);
  const hq = { name: 'hq', kind: 'consul', servers: [`http://127.0.0.1:${consul.ports.http}`] };
  const publish = [{ to: 'hq', services: ['k8s/*/*/stock'], name: 'stock', address: 'instance' }];
  const inConsul = async () => {
    const answer = await fetch(`http://127.0.0.1:${consul.ports.http}/v1/health/service/stock?passing`);
    const entries = (await answer.json()) as readonly { readonly Service: { readonly Address: string; readonly Port: number } }[];
    return entries.map(({ Service }) => `${Service.Address}:${Service.Port}`);
  };
  expect(await inConsul()).toEqual([]);
  await bridge.configure([registry, hq], { publish });
  const published = `${stock.address}:${stock.port}`;
  await until('Consul lists its instance', async () => (await inConsul()).join() === published, 60_000);
  // Consul tells its callers before it answers the bridge, here and at the end.
  const publications = async () =>
    (await bridge.get<PublicationList>('publications')).items.map(
      ({ to, name, state, entries }) => `${to} ${name} ${state} ${entries.join()}`,
    );
  await until('the bridge knows', async () => (await publications()).join() === `hq stock published ${published}`);

  const sdk = (caller = SdkCaller.start('consul', consul.ports.http, 'stock'));
  const failures: string[] = [];
  const bodies = new Set<string>();
  const calledUntil = (what: string, good: (known: readonly string[]) => boolean) =>
    until(
      what,
      async () => {
        const report = await sdk.report();
        failures.push(...report.failures);
        for (const body of Object.keys(report.bodies)) bodies.add(body.split(' ')[1] ?? '');
        return good(report.known);
      },
      60_000,
    );
  await calledUntil('it is called', (known) => known.join() === published && stock.calls >= 20);

  // Its slice stays: there is no controller here that would take it away.
  await kubernetes.must({ method: 'DELETE', path: `${services('shop')}/stock` });
  await until('Consul lists nothing', async () => (await inConsul()).length === 0, 60_000);
  await calledUntil('the SDK knows of none', (known) => known.length === 0);
  expect({ failures, bodies: [...bodies] }).toEqual({ failures: [], bodies: ['stock'] });
  await until('the bridge has it no more', async () => (await publications()).length === 0);
}, 240_000);
