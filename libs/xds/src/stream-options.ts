import type { status } from '@grpc/grpc-js';
import type { Clock, TypeUrl } from '@isthmus/model';
import type { ResourceProvider } from './resource-provider.ts';
import type { SendBudget } from './send-budget.ts';
import type { StreamProfile } from './stream-profile.ts';
import type { Timers } from './timers.ts';
import type { XdsEvent } from './xds-event.ts';

/** The wire below a stream. */
export interface StreamChannel {
  /** IP and port of the peer. */
  readonly address: string;
  /** Calls `done` when the message has left, or never will. */
  send(message: Buffer, done: () => void): void;
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
  /** Unique among the server's streams: nonces are per stream, and must not look like another one's. */
  readonly id: string;
  /** Of names per type; beyond it the stream ends with RESOURCE_EXHAUSTED. */
  readonly maxNames: number;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly onEvent: (event: XdsEvent) => void;
}
