import type { TypeUrl } from '@isthmus/model';

/** What a server tells of itself, for logs and metrics. */
export type XdsEvent =
  | { readonly kind: 'connected'; readonly node: string; readonly address: string }
  | { readonly kind: 'disconnected'; readonly node: string; readonly address: string }
  | { readonly kind: 'refused'; readonly address: string; readonly reason: string }
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
