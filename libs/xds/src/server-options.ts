import type { Clock, TypeUrl } from '@isthmus/model';
import type { AdmissionLimits } from './admission.ts';
import type { TlsOptions } from './listen-options.ts';
import type { OpenSession } from './node-session.ts';
import type { ResourceProvider } from './resource-provider.ts';
import type { RetirementTimes } from './retirement.ts';
import type { Timers } from './timers.ts';
import type { XdsEvent } from './xds-event.ts';

export interface XdsServerOptions {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly provider: ResourceProvider;
  /**
   * Nothing is answered before it resolves: a client that is told half of what there is drops the other half. Streams
   * are accepted meanwhile. Default: at once.
   */
  readonly ready?: Promise<void>;
  readonly tls?: TlsOptions;
  /** One token a line; clients send `authorization: Bearer <token>`. */
  readonly auth?: { readonly tokensFile: string };
  readonly limits?: Partial<XdsLimits>;
  /** See `StreamOptions`. Default: what a client has stays until it is told otherwise. */
  readonly ttls?: ReadonlyMap<TypeUrl, number>;
  /** How long removed clusters are kept for clients whose routes may name them. */
  readonly retirement?: RetirementTimes;
  /** For logs and metrics. Must not throw. */
  readonly onEvent?: (event: XdsEvent) => void;
  /** For those who go by who is connected, and how its workload is. */
  readonly session?: OpenSession;
  /** Of waits. Default: `steadyClock`, which nobody sets. */
  readonly clock?: Clock;
  readonly timers?: Timers;
}

/** Who goes beyond is refused with RESOURCE_EXHAUSTED, except where it says otherwise. */
export interface XdsLimits extends AdmissionLimits {
  /** Bytes of one request. Default 16 MiB: a reconnecting delta client lists all it has. */
  readonly requestBytes: number;
  /** Names in one subscription. Default 100,000. */
  readonly names: number;
  /** Requests of one stream that are read in a second; the others wait. Default 1,000. */
  readonly requestsPerSecond: number;
  /** ms that streams get to end when the server closes. Default 2 s. */
  readonly drain: number;
}

/** Defaults: 10,000 streams, 5,000 of one address; 50 short streams of one node in a row, then 5 a second. */
export function limitsOf({ limits }: XdsServerOptions): XdsLimits {
  return {
    streams: 10_000,
    streamsPerPeer: 5_000,
    returns: 50,
    returnsPerSecond: 5,
    requestBytes: 16 * 1024 * 1024,
    names: 100_000,
    requestsPerSecond: 1_000,
    drain: 2_000,
    ...limits,
  };
}
