import type { NodeInfo, Peer } from './resource-provider.ts';

/** What a client reports of its workload: no type of resources, and never answered (istiod's agent sends it when the state changes). */
export const HEALTH_INFORMATION = 'type.googleapis.com/istio.v1.HealthInformation';

/** One stream of a node that was let in, for those who go by who is connected. None of it may throw. */
export interface NodeSession {
  /** @param problem why the workload is not well; undefined: it is */
  health(problem: string | undefined): void;
  /** The stream has ended. */
  close(): void;
}

/** Called once per stream. @returns undefined: nobody goes by this one */
export type OpenSession = (node: NodeInfo, peer: Peer) => NodeSession | undefined;
