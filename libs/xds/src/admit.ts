import { status } from '@grpc/grpc-js';
import { nodeProblem } from './request-checks.ts';
import type { NodeInfo, ResourceView } from './resource-provider.ts';
import type { Retirement } from './retirement.ts';
import type { StreamFamily } from './stream-family.ts';
import type { StreamOptions } from './stream-options.ts';

/** What a stream has once its client has said who it is. */
export interface AdmittedClient {
  readonly node: NodeInfo;
  readonly view: ResourceView;
  readonly retirement: Retirement;
  readonly family: StreamFamily;
}

/** Why it is turned away. */
export interface TurnedAway {
  readonly code: status;
  readonly problem: string;
  /** As claimed; `''` when that is the problem. */
  readonly id: string;
}

/** @param claimed of the stream's first request */
export function admit(claimed: NodeInfo | undefined, options: StreamOptions): AdmittedClient | TurnedAway {
  const { provider, channel, profile, retirements, familyOf, returns } = options;
  const problem = nodeProblem(claimed, profile.name === 'ads');
  if (problem !== undefined) return { code: status.INVALID_ARGUMENT, problem, id: '' };
  const node = claimed ?? { id: '', cluster: '', metadata: {}, userAgent: '' };
  const tooSoon = returns(node);
  if (tooSoon !== undefined) return { code: status.RESOURCE_EXHAUSTED, problem: tooSoon, id: node.id };
  const view = provider.viewFor(node, channel.peer);
  if ('refused' in view) return { code: status.PERMISSION_DENIED, problem: view.refused, id: node.id };
  return { node, view, retirement: retirements.of(view), family: familyOf(node) };
}
