import type { TypeUrl } from '@isthmus/model';

/**
 * `foreign-nonce`: it answers a response that this stream never gave. `unknown-type`: a type that the server has nothing of.
 * `throttled`: it asks faster than it may, and waits.
 */
export type OddRequest = 'foreign-nonce' | 'unknown-type' | 'throttled';

interface Ending<Kind> {
  readonly kind: Kind;
  readonly node: string;
  readonly address: string;
  readonly code: string;
  readonly reason: string;
}

/** What a server tells of itself, for logs and metrics. */
export type XdsEvent =
  | { readonly kind: 'connected'; readonly node: string; readonly address: string }
  | { readonly kind: 'disconnected'; readonly node: string; readonly address: string }
  /** Was not let in. `code`: the name of the gRPC status, e.g. `PERMISSION_DENIED`; `node` is '' when it has not said it. */
  | Ending<'refused'>
  /** The server ended the stream of a client that it had let in. */
  | Ending<'ended'>
  /** Nothing to end a stream for, but nothing that a client should do. */
  | { readonly kind: 'odd'; readonly what: OddRequest; readonly node: string; readonly address: string }
  | { readonly kind: 'pushed'; readonly node: string; readonly type: TypeUrl; readonly version: string; readonly bytes: number }
  /** `ms` between the push and its ACK. */
  | { readonly kind: 'acked'; readonly node: string; readonly type: TypeUrl; readonly version: string; readonly ms: number }
  | {
      readonly kind: 'nacked';
      readonly node: string;
      readonly type: TypeUrl;
      readonly version: string;
      readonly message: string;
    };
