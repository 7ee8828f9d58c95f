import { readFile, writeFile } from 'node:fs/promises';
import { parseSourceId, steadyClock } from '@isthmus/model';
import type { Clock } from '@isthmus/model';
import {
  ENDPOINT_SLICES,
  KubeClient,
  NAMESPACES,
  PODS,
  SERVICES,
  apiVersionOf,
  createObject,
  openAccess,
  pathOf,
} from '@isthmus/kube';
import type { KubeObject, Resource } from '@isthmus/kube';
import type { FaultHarness } from '@isthmus/registry/testing';
import type { KubernetesServer, startKubernetes } from '@isthmus/servers';
import { kubernetesSchema } from '../config.ts';
import { KubernetesSource } from '../source.ts';
import { podName, podObject, serviceObject, sliceObject } from './objects.ts';
import { KUBERNETES_ABILITIES } from './scripted-harness.ts';

/** What the source needs, and nothing else; as in docs/registries/kubernetes.md. */
export const LEAST_RIGHTS = [
  { apiGroups: [''], resources: ['services', 'pods', 'nodes'], verbs: ['list', 'watch'] },
  { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: ['list', 'watch'] },
];

/** What cluster users and controllers write, on a real API server: there is no kubelet, so the Pods' status too. */
export class Cluster {
  readonly server: KubernetesServer;

  constructor(server: KubernetesServer) {
    this.server = server;
  }

  async namespace(name: string): Promise<void> {
    await this.apply(NAMESPACES, { metadata: { name } });
  }

  async apply(resource: Resource, object: KubeObject): Promise<void> {
    await this.#apply(resource, object, '');
    if (resource !== PODS) return;
    // The status is a resource of its own; what is applied with the Pod is ignored.
    await this.#apply(resource, object, '/status');
  }

  async remove(resource: Resource, namespace: string, name: string): Promise<void> {
    const gracePeriodSeconds = 0; // there is no kubelet that would end the Pod
    await this.server.call({
      method: 'DELETE',
      path: `${pathOf(resource, namespace, name)}?gracePeriodSeconds=${gracePeriodSeconds}`,
    });
  }

  async list<T extends KubeObject>(resource: Resource, namespace: string): Promise<readonly T[]> {
    return ((await this.server.must({ path: pathOf(resource, namespace) })) as { items: T[] }).items;
  }

  async #apply(resource: Resource, object: KubeObject, sub: string): Promise<void> {
    const { namespace, name } = object.metadata;
    await this.server.must({
      method: 'PATCH',
      path: `${pathOf(resource, namespace, name)}${sub}?fieldManager=test&force=true`,
      contentType: 'application/apply-patch+yaml',
      body: { apiVersion: apiVersionOf(resource), kind: resource.kind, ...object },
    });
  }
}

export async function openReal(
  server: KubernetesServer,
  user: string | { readonly token: string } = 'reader',
  fields: Readonly<Record<string, unknown>> = {},
): Promise<KubernetesSource> {
  return openWith(await server.kubeconfigFor(user), fields);
}

function openWith(
  kubeconfig: string,
  fields: Readonly<Record<string, unknown>> = {},
  clock: Clock = steadyClock,
): KubernetesSource {
  const config = kubernetesSchema.parse({
    ...{ name: 'k8s', kind: 'kubernetes', kubeconfig, namespaces: ['shop'], timeout: '5s', heartbeat: '500ms' },
    ...fields,
  });
  return new KubernetesSource(parseSourceId('k8s'), config, { clock, random: Math.random, baseDir: '/' });
}

/** The contract on a real API server, with an account that has the least rights: that of `kubeconfig`. */
export async function realHarness(start: typeof startKubernetes): Promise<FaultHarness & { readonly kubeconfig: string }> {
  const server = await start();
  const cluster = new Cluster(server);
  const prepare = async () => {
    await server.grant('reader', LEAST_RIGHTS);
    await cluster.namespace('shop');
  };
  await prepare();
  const kubeconfig = await server.kubeconfigFor('reader');
  const right = openWith(kubeconfig);
  const wrong = await openReal(server, { token: 'wrong' });
  return {
    kubeconfig,
    abilities: KUBERNETES_ABILITIES,
    scope: { source: parseSourceId('k8s'), namespace: 'shop', group: '' },
    open: ({ password = 'right' } = {}) => (password === 'right' ? right : wrong),
    faults: {
      ports: [server.ports.https],
      open: async ({ clock, port = server.ports.https }) => {
        const file = await server.kubeconfigFor('reader');
        const text = await readFile(file, 'utf8');
        await writeFile(file, text.replace(`:${server.ports.https}`, `:${port}`));
        return openWith(file, {}, clock);
      },
      revoke: () => server.grant('reader', []),
      restore: () => server.grant('reader', LEAST_RIGHTS),
    },
    register: async (service, instance) => {
      const { address, metadata: labels = {}, healthy: ready = true } = instance;
      await cluster.apply(SERVICES, serviceObject('shop', service));
      await cluster.apply(PODS, podObject('shop', { address, labels, ready }));
      await cluster.apply(ENDPOINT_SLICES, sliceObject('shop', service, instance));
    },
    deregister: async (service, address, port) => {
      await cluster.remove(ENDPOINT_SLICES, 'shop', sliceObject('shop', service, { address, port }).metadata.name);
      await cluster.remove(PODS, 'shop', podName(address));
      const left = (await cluster.list(ENDPOINT_SLICES, 'shop')).filter(
        ({ metadata }) => metadata.labels?.['kubernetes.io/service-name'] === service,
      );
      if (left.length === 0) await cluster.remove(SERVICES, 'shop', service);
    },
    registerMany: async (prefix, count) => {
      const client = new KubeClient(await openAccess({ kubeconfig: server.kubeconfig }));
      const queue = Array.from({ length: count }, (_, n) => n);
      const worker = async (): Promise<void> => {
        for (let n = queue.pop(); n !== undefined; n = queue.pop()) {
          await createObject(client, SERVICES, serviceObject('shop', `${prefix}-${n}`));
          const instance = { address: `10.9.${n >> 8}.${n & 255}`, port: 80 };
          await createObject(client, ENDPOINT_SLICES, sliceObject('shop', `${prefix}-${n}`, instance));
        }
      };
      await Promise.all(Array.from({ length: 16 }, worker));
      client.close();
    },
    down: () => server.kill(),
    up: async ({ keepData }) => {
      await server.restart({ keepData });
      if (!keepData) await prepare();
    },
    hang: async () => server.pause(),
    resume: async () => server.resume(),
    close: () => server.stop(),
  };
}
