import type { TypeUrl } from '@isthmus/model';

export interface NackStatus {
  /** ms since the epoch */
  readonly at: number;
  /** The client's own words. */
  readonly message: string;
  /** What it refused; it goes on with what it had. */
  readonly version: string;
}

export interface TypeStatus {
  readonly type: TypeUrl;
  readonly wildcard: boolean;
  /** Names asked for explicitly. */
  readonly subscribed: number;
  /** Last version sent; undefined before the first push. */
  readonly sent: string | undefined;
  /** Last version that the client took. */
  readonly acked: string | undefined;
  /** The last response was rejected. Cleared by the next ACK. */
  readonly nack: NackStatus | undefined;
}

/** One stream, for `isthmus proxy status`. */
export interface ClientStatus {
  readonly node: string;
  readonly cluster: string;
  readonly userAgent: string;
  /** The peer's IP and port. */
  readonly address: string;
  /** ms since the epoch */
  readonly since: number;
  readonly transport: 'sotw' | 'delta' | 'mcp';
  readonly types: readonly TypeStatus[];
}

export interface SentResource {
  readonly name: string;
  readonly version: string;
  /** Changed since the last push of the type: the client still has an older one. */
  readonly pending: boolean;
}

/** For `isthmus proxy config`. */
export interface ClientConfig {
  readonly node: string;
  readonly types: readonly { readonly type: TypeUrl; readonly version: string; readonly resources: readonly SentResource[] }[];
}
