import type { status } from '@grpc/grpc-js';
import type { Clock, TypeUrl } from '@isthmus/model';
import type { Message } from './message.ts';
import type { OpenSession } from './node-session.ts';
import type { NodeInfo, Peer, ResourceProvider } from './resource-provider.ts';
import type { Retirements } from './retirement.ts';
import type { SendBudget } from './send-budget.ts';
import type { SharedResponses } from './shared-responses.ts';
import type { StreamFamily } from './stream-family.ts';
import type { StreamProfile } from './stream-profile.ts';
import type { Timers } from './timers.ts';
import type { XdsEvent } from './xds-event.ts';

/** The wire below a stream. */
export interface StreamChannel {
  readonly peer: Peer;
  /** Calls `done` when the message has left, or never will. It may be other streams' message too. */
  send(message: Message, done: () => void): void;
  end(code: status, message: string): void;
}

export interface StreamOptions {
  readonly profile: StreamProfile;
  readonly transport: 'sotw' | 'delta';
  /** The only type of this stream, unless it is an aggregated one. */
  readonly onlyType: TypeUrl | undefined;
  readonly provider: ResourceProvider;
  readonly channel: StreamChannel;
  readonly budget: SendBudget;
  /** Of the server's views. */
  readonly retirements: Retirements;
  /** The streams of the same node over the same connection. */
  readonly familyOf: (node: NodeInfo) => StreamFamily;
  /** Why the node may not connect again yet, if it comes too often. */
  readonly returns: (node: NodeInfo) => string | undefined;
  /** Of the server. */
  readonly responses: SharedResponses;
  /** Of names per type; beyond it the stream ends with RESOURCE_EXHAUSTED. */
  readonly maxNames: number;
  /** ms after which a client drops what it has of a type, unless it hears of it again; default: never. */
  readonly ttls?: ReadonlyMap<TypeUrl, number>;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly onEvent: (event: XdsEvent) => void;
  readonly session?: OpenSession;
}
