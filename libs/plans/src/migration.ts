import type { Policy, Rung } from '@isthmus/ladder';
import type { MeshHost, ServiceKey } from '@isthmus/model';
import type { Consumers } from './fleet-view.ts';
import type { Condition, GateName } from './gate-expression.ts';

/** A plan: how the calls of some consumers to one target climb the ladder. Plain JSON, as the ledger keeps it. */
export interface Migration {
  readonly name: string;
  readonly target: PlanTarget;
  /** Sorted; `['*']` is everyone. */
  readonly consumers: Consumers;
  readonly steps: readonly Step[];
  readonly onFailure: 'rollback' | 'pause';
  /** Seconds without the control plane after which agents fall to `sdk` by themselves; undefined: the last plan stays. */
  readonly leaseS?: number;
  /** The sidecar originates TLS for it: calls by `https:` may move too. */
  readonly originatesTls?: boolean;
  /** Policies that the mesh can have only roughly, or not at all, and that the owner accepts; `true`: all. */
  readonly acceptLossy: true | readonly string[];
}

export type PlanTarget = (
  { readonly kind: 'host'; readonly host: MeshHost } | { readonly kind: 'service'; readonly key: ServiceKey }
) & {
  /** Service port; undefined: the first that speaks HTTP. */
  readonly port?: number;
};

export interface Step {
  readonly rung: Exclude<Rung, 'sdk'>;
  /** 1–100: the share of calls on this rung, the others are on the rung below. */
  readonly percent: number;
  readonly stickyBy?: string;
  /** Of `resilience`: what the sidecar does. */
  readonly hand?: readonly Policy[];
  /** How long it lasts at least, ms. */
  readonly forMs: number;
  readonly gate: Gate;
  /** Of `retired`: how long no provider may have seen a call past the mesh, ms. */
  readonly quietMs?: number;
}

export type Gate = { readonly [Name in GateName]?: Condition };
