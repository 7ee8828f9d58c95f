import type { TypeUrl } from '@isthmus/model';
import type { PeerIdentity } from './resource-provider.ts';

export interface NackStatus {
  /** ms since the epoch */
  readonly at: number;
  /** The client's own words. */
  readonly message: string;
  /** What it refused; it goes on with what it had. */
  readonly version: string;
  /** The resources that it refused, as far as its words name them; at most 100. */
  readonly names: readonly string[];
}

export interface TypeStatus {
  readonly type: TypeUrl;
  /** False: this server has no such type; every name of it is answered as missing. */
  readonly served: boolean;
  readonly wildcard: boolean;
  /** Names asked for explicitly. */
  readonly subscribed: number;
  /** Last version sent; undefined before the first push. */
  readonly sent: string | undefined;
  /** Last version that the client took. */
  readonly acked: string | undefined;
  /** ms since the epoch: the last response was sent then, and is not answered yet. */
  readonly unansweredSince: number | undefined;
  /** Something was rejected and is not replaced yet. Cleared by the ACK of what replaces it. */
  readonly nack: NackStatus | undefined;
}

/** One stream, for `isthmus proxy status`. */
export interface ClientStatus {
  readonly node: string;
  readonly cluster: string;
  readonly userAgent: string;
  /** The peer's IP and port. */
  readonly address: string;
  /** Proven, unlike `node`: the names in the client's certificate. Undefined when it has shown none. */
  readonly identity: PeerIdentity | undefined;
  /** ms since the epoch */
  readonly since: number;
  readonly transport: 'sotw' | 'delta' | 'mcp';
  /** Answers with a nonce that this stream never gave. */
  readonly foreignNonces: number;
  readonly types: readonly TypeStatus[];
}

export interface SentResource {
  readonly name: string;
  readonly version: string;
  /** Changed since the last push of the type: the client still has an older one. */
  readonly pending: boolean;
  /** Gone, but kept until no proxy's routes name it any more. */
  readonly retiring: boolean;
  /** The client refused it and goes on with an older one. */
  readonly rejected: boolean;
}

/** For `isthmus proxy config`. */
export interface ClientConfig {
  readonly node: string;
  readonly types: readonly { readonly type: TypeUrl; readonly version: string; readonly resources: readonly SentResource[] }[];
}
