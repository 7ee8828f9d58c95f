import type { Locality } from './endpoint.ts';
import type { SourceStatus } from './source-event.ts';

/** A Pod, as far as the question "who is behind this address" needs it. */
export interface Workload {
  /** `namespace/name`. */
  readonly id: string;
  readonly uid: string;
  /** Canonical IP literals; empty until one is assigned. */
  readonly addresses: readonly string[];
  readonly ready: boolean;
  /** It has a deletion timestamp: still running, but on its way out. */
  readonly terminating: boolean;
  /** It has the node's own address, which it shares with everything else on the node. */
  readonly hostNetwork: boolean;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  /** The controller behind it (Deployment `orders`, not its ReplicaSet), or the Pod's own name. */
  readonly owner: string;
  readonly node: string;
  readonly locality: Locality;
  readonly serviceAccount: string;
  /** Declared container ports. */
  readonly ports: readonly { readonly name: string; readonly port: number }[];
}

/** Only while `live` may anything be concluded from an address that is in no workload. */
export type WorkloadEvent =
  /** Complete: workloads that are not in it are gone. Keys are ids. */
  | { readonly kind: 'snapshot'; readonly workloads: ReadonlyMap<string, Workload> }
  | { readonly kind: 'upsert'; readonly workload: Workload }
  | { readonly kind: 'remove'; readonly id: string }
  | { readonly kind: 'status'; readonly status: SourceStatus };
