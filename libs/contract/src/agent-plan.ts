import type { Policy, Rung } from '@isthmus/ladder';

/**
 * What an agent is told to do, for one consumer: from `ISTHMUS_PLAN_FILE`, or by the stream (agent-stream.ts). An agent ignores fields that it does not know, and refuses
 * a `schema` that is newer than its own: it keeps the plan that it has.
 */
export interface AgentPlan {
  readonly schema: 1;
  /** Opaque; told back by the agent. */
  readonly version: string;
  readonly targets: readonly AgentTarget[];
}

export interface AgentTarget {
  /** Mesh host: `orders.default-group.public.nacos`. */
  readonly host: string;
  /** Service port, as the sidecar routes it; 80 by default. */
  readonly port?: number;
  readonly rung: Rung;
  /** 0–100, 100 by default: the share of calls on `rung`; the others are on the rung below. */
  readonly percent?: number;
  /** `header:NAME`, `cookie:NAME`, `trace` or `key` (the application's own): calls of equal value stay together. Without it calls are spread evenly. */
  readonly stickyBy?: string;
  /** At `resilience`: what the sidecar does; all of it by default. */
  readonly hand?: readonly Policy[];
  /** Instance addresses by which the SDK calls it, `10.0.0.7:8080`. One that two targets have stays on the SDK. */
  readonly addresses: readonly string[];
  /** What SDKs call it, `KIND/NAMESPACE/GROUP/NAME`: `nacos/public/DEFAULT_GROUP/orders`, `consul/dc1//orders`, `eureka///orders`. */
  readonly sdkNames?: readonly string[];
  /** The sidecar originates TLS for it: calls by `https:` may move too. */
  readonly originatesTls?: boolean;
  /** What the sidecar gives a call at `resilience`, retries included, ms: the application's own deadline stays above it. */
  readonly timeoutMs?: number;
  /** Seconds without the control plane after which it falls to `sdk`; without it the last plan stays. */
  readonly leaseS?: number;
}
