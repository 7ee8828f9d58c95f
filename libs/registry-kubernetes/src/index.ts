import { resolve } from 'node:path';
import type { RegistryKind } from '@isthmus/registry';
import { kubernetesSchema } from './config.ts';
import type { KubernetesConfig } from './config.ts';
import { kubernetesDoctor } from './doctor.ts';
import { KubernetesLedgerStore } from './ledger-store.ts';
import { KubernetesSource } from './source.ts';

export type { KubernetesConfig } from './config.ts';

/** Services, EndpointSlices and Pods of a Kubernetes cluster, by watches. */
export const kubernetesRegistry: RegistryKind<KubernetesConfig> = {
  kind: 'kubernetes',
  schema: kubernetesSchema,
  knowsWorkloads: true,
  cluster: ({ kubeconfig, context }, { baseDir }) => ({
    ...(kubeconfig === undefined ? {} : { kubeconfig: resolve(baseDir, kubeconfig) }),
    ...(context === undefined ? {} : { context }),
  }),
  createSource: (id, config, deps) => new KubernetesSource(id, config, deps),
  ledgerStore: (config, place, { baseDir }) => new KubernetesLedgerStore(config, place, baseDir),
  doctor: kubernetesDoctor,
};
