import type { Rung } from '@isthmus/ladder';
import type { TargetCounts } from './control/arm-counts.ts';
import type { ClientSeam } from './http/client-seam.ts';
import type { Balancer } from './views/balancer.ts';

/**
 * What the subpaths (`/http`, `/undici`, `/grpc`, `/nest`) have of the agent of the process, which may be another copy of the package, in
 * another version: fields are added, never changed.
 */
export interface ClientAccess {
  readonly seam: ClientSeam;
  /** @param authority `host:port`. Undefined where no plan names it. */
  target(authority: string): TargetPlace | undefined;
  /** Told after a plan was taken or a target's rung changed. @returns ends it */
  onChange(listener: () => void): () => void;
}

/** One target of the plan in force. */
export interface TargetPlace {
  readonly desired: Rung;
  readonly effective: Rung;
  /** 0–100: the share of calls on `effective`; the others are on the rung below. */
  readonly percent: number;
  /** Instances as the SDK calls them, `10.0.0.7:8080`. */
  readonly addresses: readonly string[];
  /** Its instances speak TLS, and the sidecar does so for the process. */
  readonly originatesTls: boolean;
  /** Where its calls are counted by whoever makes them past the seams of HTTP. */
  readonly counts: TargetCounts;
  /** From `discovery` up: picks among the mesh's view; undefined where nobody is to be picked, and of an older agent. */
  readonly balancer?: Balancer | undefined;
}
