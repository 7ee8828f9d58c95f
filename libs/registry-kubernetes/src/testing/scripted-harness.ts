import { parseSourceId, steadyClock } from '@isthmus/model';
import { ENDPOINT_SLICES, PODS, SERVICES } from '@isthmus/kube';
import { FakeApi } from '@isthmus/kube/testing';
import type { SourceDeps } from '@isthmus/registry';
import { USUAL_FAULTS } from '@isthmus/registry/testing';
import type { FaultHarness, FaultRow, HarnessAbilities } from '@isthmus/registry/testing';
import { kubernetesSchema } from '../config.ts';
import { KubernetesSource } from '../source.ts';
import { podName, podObject, serviceObject, sliceObject } from './objects.ts';

export const KUBERNETES_ABILITIES: HarnessAbilities = {
  weight: false, // EndpointSlices have none
  disable: false, // nobody can take an instance out but by its Pod's readiness
  emptyAfterRestart: false, // etcd keeps everything; without it, what is there now counts
  auth: true,
};

export const KUBERNETES_FAULTS: FaultRow = {
  ...USUAL_FAULTS,
  'restarted empty': { state: 'held' },
  'restarted with half': { state: 'held' },
};

/** A source as tests want it: short times. */
export function openKubernetes(
  api: FakeApi,
  fields: Readonly<Record<string, unknown>> = {},
  token = 'right',
  deps: Partial<SourceDeps> = {},
): KubernetesSource {
  const config = kubernetesSchema.parse({
    ...{ name: 'k8s', kind: 'kubernetes', namespaces: ['shop'], timeout: '2s', heartbeat: '200ms' },
    ...fields,
  });
  const all = { clock: steadyClock, random: Math.random, baseDir: '.', ...deps };
  return new KubernetesSource(parseSourceId('k8s'), config, all, async () => api.access(token));
}

/** The contract on a scripted API server in this process. */
export async function scriptedHarness(): Promise<FaultHarness> {
  const api = new FakeApi();
  await api.start();
  const slices = (service: string) =>
    api.all(ENDPOINT_SLICES).filter(({ metadata }) => metadata.labels?.['kubernetes.io/service-name'] === service);
  return {
    abilities: KUBERNETES_ABILITIES,
    scope: { source: parseSourceId('k8s'), namespace: 'shop', group: '' },
    open: ({ password = 'right' } = {}) => openKubernetes(api, {}, password),
    faults: {
      open: async ({ clock }) => openKubernetes(api, {}, 'right', { clock }),
      revoke: async () => {
        api.tokens.clear();
        api.endWatches();
      },
      restore: async () => void api.tokens.add('right'),
    },
    register: async (service, instance) => {
      if (api.get(SERVICES, service, 'shop') === undefined) api.put(SERVICES, serviceObject('shop', service));
      const { address, metadata: labels = {}, healthy: ready = true } = instance;
      api.put(PODS, podObject('shop', { address, labels, ready }));
      api.put(ENDPOINT_SLICES, sliceObject('shop', service, instance));
    },
    deregister: async (service, address, port) => {
      api.remove(ENDPOINT_SLICES, sliceObject('shop', service, { address, port }).metadata.name, 'shop');
      api.remove(PODS, podName(address), 'shop');
      if (slices(service).length === 0) api.remove(SERVICES, service, 'shop');
    },
    registerMany: async (prefix, count) => {
      for (let n = 0; n < count; n += 1) {
        api.put(SERVICES, serviceObject('shop', `${prefix}-${n}`));
        api.put(ENDPOINT_SLICES, sliceObject('shop', `${prefix}-${n}`, { address: `10.9.${n >> 8}.${n & 255}`, port: 80 }));
      }
    },
    down: () => api.stop(),
    up: async ({ keepData }) => {
      if (!keepData) api.wipe();
      await api.start();
    },
    hang: async () => api.hang(),
    resume: async () => api.resume(),
    connections: async () => api.connections,
    close: () => api.stop(),
  };
}
