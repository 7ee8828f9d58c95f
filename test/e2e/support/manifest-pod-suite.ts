/**
 * The Pod of deploy/kustomize/base, with the registries of a user's overlay, as a kubelet would run it: a real API server admits it and
 * signs its token, a real Docker engine runs its container (pod-container.ts of the servers). What is missing to a cluster: its
 * NetworkPolicy is taken by the API server and enforced by nobody, which needs a network plugin.
 */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ItemList, SourceView } from '@isthmus/contract';
import { ENDPOINT_SLICES } from '@isthmus/kube';
import { until } from '@isthmus/model/testing';
import { serviceObject, sliceObject } from '@isthmus/registry-kubernetes/testing';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { PodContainer, startIstiod, startKubernetes } from '@isthmus/servers';
import type { DockerEngine, IstiodServer, KubernetesServer, ProbeOutcome } from '@isthmus/servers';
import { apply, kustomize, pathOf, podOf } from './kustomize.ts';
import type { Manifest } from './kustomize.ts';
import { endpointsOf } from './sidecar-view.ts';
import { TcpProxy } from './tcp-proxy.ts';

const OVERLAY = join(import.meta.dirname, 'kustomize-overlay');
/** The machine is at the address of the Service `kubernetes`. */
const NETWORK = { name: 'isthmus-pods', subnet: '10.96.0.0/24', gateway: '10.96.0.1' };
const ADDRESS = '10.96.0.10';
const CLI = ['node', '/isthmus/dist/apps/cli/apps/cli/src/main.js'];
/** With a tenth of a core asked for, it is the last on a busy machine. */
const PATIENCE_MS = 90_000;
const host = (name: string) => `${name}.shop.svc.cluster.local`;

export function manifestPodSuite(engineOf: () => DockerEngine): void {
  let engine: DockerEngine;
  let dir: string;
  let kubernetes: KubernetesServer;
  let toApi: TcpProxy;
  let istiod: IstiodServer | undefined;
  let manifests: readonly Manifest[];
  let body: Manifest;
  let pod: PodContainer;

  const create = (path: string, object: unknown) => kubernetes.must({ method: 'POST', path, body: object });
  const taken = async (manifest: Manifest) => {
    const { status, body: answer } = await apply(kubernetes, manifest);
    if (status >= 300) throw new Error(`${manifest.kind} ${manifest.metadata.name}: ${JSON.stringify(answer)}`);
  };
  const isOfReader = ({ kind, metadata }: Manifest) => kind === 'ClusterRoleBinding' && metadata.name === 'isthmus-reader';
  async function runService(name: string, address: string): Promise<void> {
    await create('/api/v1/namespaces/shop/services', serviceObject('shop', name));
    const slice = sliceObject('shop', name, { address, port: 8080 });
    const { group, version, kind } = ENDPOINT_SLICES;
    await create(`/apis/${group}/${version}/namespaces/shop/endpointslices`, {
      apiVersion: `${group}/${version}`,
      kind,
      ...slice,
    });
  }
  const start = async () => {
    const options = { engine, kubernetes, pod: body, dir, network: NETWORK.name, address: ADDRESS };
    pod = await PodContainer.start(options);
  };
  const answers = (probe: Parameters<PodContainer['probe']>[0], outcome: ProbeOutcome) =>
    until(`${probe}: ${outcome}`, async () => (await pod.probe(probe)) === outcome, PATIENCE_MS);
  const sources = async () => {
    const said = await pod.exec([...CLI, 'get', 'sources', '-o', 'json']);
    return (JSON.parse(said) as ItemList<SourceView>).items;
  };
  const states = async () => (await sources()).map(({ namespace, state }) => `${namespace} ${state}`);

  beforeAll(async () => {
    engine = engineOf();
    dir = await mkdtemp(join(tmpdir(), 'isthmus-pod-'));
    const { name, subnet, gateway } = NETWORK;
    [manifests, kubernetes] = await Promise.all([
      kustomize(OVERLAY),
      startKubernetes({ admitsAccounts: true }),
      engine.docker(['network', 'create', '--subnet', subnet, '--gateway', gateway, name]),
    ]);
    toApi = await TcpProxy.start(kubernetes.ports.https, { host: gateway, port: 443 });
    for (const manifest of manifests.filter((one) => !isOfReader(one))) await taken(manifest);
    // As the controllers of a cluster do.
    const data = { 'ca.crt': await readFile(kubernetes.caFile, 'utf8') };
    await create('/api/v1/namespaces/isthmus/configmaps', { metadata: { name: 'kube-root-ca.crt' }, data });
    body = (await create('/api/v1/namespaces/isthmus/pods', podOf(manifests, 'isthmus-1'))) as Manifest;
    await create('/api/v1/namespaces', { metadata: { name: 'shop' } });
    await runService('orders', '10.3.0.1');
    await runService('payments', '10.3.0.2');
    await start();
  }, 120_000);

  afterAll(async () => {
    await istiod?.stop();
    await pod?.stop().catch(() => undefined);
    await toApi?.close();
    await kubernetes?.stop();
    await rm(dir, { recursive: true, force: true });
  }, 60_000);

  test('it lives, and does not count as started, while its account may not read; with the rights of the base it starts', async () => {
    await answers('livenessProbe', 'ok');
    await answers('startupProbe', 'failed: {"status":"waiting","waitingFor":["k8s"]}');
    const forbidden = 'User "system:serviceaccount:isthmus:isthmus" cannot list resource "services"';
    await until('it says why', async () => (await sources()).some(({ cause }) => cause?.includes(forbidden)), PATIENCE_MS);
    for (const manifest of manifests.filter(isOfReader)) await taken(manifest);
    await pod.started();
    await answers('readinessProbe', 'ok');
    expect(await states()).toEqual([' live', 'shop live']);
  }, 300_000);

  test('istiod has the Service of the cluster from the port that its Service names', async () => {
    const service = manifests.find(({ kind }) => kind === 'Service');
    const { ports } = (service as Manifest).spec as { ports: readonly { port: number; targetPort: string }[] };
    expect(ports.map(({ port, targetPort }) => [port, pod.port(targetPort)])).toEqual([[15010, 15010]]);
    istiod = await startIstiod({ mcp: `${ADDRESS}:${pod.port('grpc-mcp')}` });
    expect(await endpointsOf(istiod, host('orders'))).toEqual(['10.3.0.1']);
    expect(await endpointsOf(istiod, host('payments'))).toEqual([]);
  });

  test('a ConfigMap that is edited counts without a new start', async () => {
    const map = manifests.find(({ kind }) => kind === 'ConfigMap') as Manifest & { readonly data: Record<string, string> };
    const text = map.data['isthmus.yaml']?.replace('shop/orders', "'shop/*'");
    await kubernetes.must({ method: 'PATCH', path: pathOf(map), body: { data: { 'isthmus.yaml': text } } });
    await pod.renewVolumes();
    await until(
      'istiod has the other Service',
      async () => (await endpointsOf(istiod!, host('payments'))).join() === '10.3.0.2',
      PATIENCE_MS,
    );
  });

  test('a main process that hangs fails its liveness probe by its time limit, and passes it again', async () => {
    await pod.signal('STOP');
    expect(await pod.probe('livenessProbe')).toBe('timed out');
    await pod.signal('CONT');
    await answers('livenessProbe', 'ok');
  });

  // At its start the bridge takes the other half. With `fetch`, and a second as its time limit, the start's took 1.06 s of all of it.
  test('its probes pass with half of the CPU that it requests', async () => {
    await pod.slow(50);
    try {
      for (const probe of ['startupProbe', 'readinessProbe', 'livenessProbe'] as const) await answers(probe, 'ok');
    } finally {
      await pod.slow(0);
    }
  });

  test('its account may not read secrets, and it can write nowhere, and does, but in the volume of its ledger', async () => {
    expect(await pod.exec(['node', '-e', ASK_FOR_SECRETS])).toBe('system:serviceaccount:isthmus:isthmus 403');
    const kernel = await pod.exec(['grep', '-E', '^(Uid|Groups|CapBnd|NoNewPrivs|Seccomp):', '/proc/1/status']);
    expect(
      kernel
        .trim()
        .split('\n')
        .map((line) => line.split(/\s+/).slice(0, 2).join(' ')),
    ).toEqual(['Uid: 1000', 'Groups: 1000', `CapBnd: ${'0'.repeat(16)}`, 'NoNewPrivs: 1', 'Seccomp: 2']);
    for (const place of ['/tmp', '/etc/isthmus', '/home/node'])
      await expect(pod.exec(['touch', `${place}/x`])).rejects.toThrow('Read-only file system');
    expect(await pod.written()).toEqual([]);
    expect((await readdir(join(dir, 'ledger'))).length).toBeGreaterThan(0);
  });

  test('it ends by itself within its grace period; the next one serves what its ledger has while the API server hangs', async () => {
    expect(await pod.stop()).toBe(0);
    toApi.cut();
    await start();
    await pod.started();
    expect(await states()).toContain('shop stale');
    expect(await endpointsOf(istiod!, host('orders'))).toEqual(['10.3.0.1']);
    toApi.heal();
    await until('live', async () => (await states()).every((source) => source.endsWith(' live')), PATIENCE_MS);
  }, 300_000);
}

/** As whoever has broken into the container would. */
const ASK_FOR_SECRETS = `
const { request } = require('node:https');
const { readFileSync } = require('node:fs');
const at = '/var/run/secrets/kubernetes.io/serviceaccount/';
const [ca, token] = ['ca.crt', 'token'].map((name) => readFileSync(at + name, 'utf8'));
const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = process.env;
const user = JSON.parse(Buffer.from(token.split('.')[1], 'base64url')).sub;
const options = { host, port, ca, path: '/api/v1/namespaces/isthmus/secrets', headers: { authorization: 'Bearer ' + token } };
request(options, (answer) => process.stdout.write(user + ' ' + answer.statusCode, () => process.exit())).end();
`;
