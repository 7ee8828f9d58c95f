import { NOWHERE } from '@isthmus/model';
import type { Workload } from '@isthmus/model';

/** A Ready Pod `shop/<name>` at 10.0.0.1 of the Deployment `orders`; name what matters to the test. */
export function workload(name: string, fields: Partial<Workload> = {}): Workload {
  return {
    id: `shop/${name}`,
    uid: `uid-${name}`,
    addresses: ['10.0.0.1'],
    ready: true,
    terminating: false,
    hostNetwork: false,
    labels: {},
    annotations: {},
    owner: 'orders',
    node: 'node-1',
    locality: NOWHERE,
    serviceAccount: 'default',
    ports: [],
    ...fields,
  };
}

/** A complete read of the cluster. */
export function workloadSnapshot(workloads: readonly Workload[]): {
  readonly kind: 'snapshot';
  readonly workloads: ReadonlyMap<string, Workload>;
} {
  return { kind: 'snapshot', workloads: new Map(workloads.map((w) => [w.id, w])) };
}
