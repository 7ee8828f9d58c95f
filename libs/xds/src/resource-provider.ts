import type { Locality, Resource, SnapshotChange, TypeUrl } from '@isthmus/model';

/** What a client says of itself in its first request: a claim, not an identity (that is its certificate or token). */
export interface NodeInfo {
  readonly id: string;
  readonly cluster: string;
  readonly metadata: Readonly<Record<string, unknown>>;
  /** `envoy 1.40.0`; `''` if the client does not say. */
  readonly userAgent: string;
  readonly locality?: Locality;
}

/** What a client has proven of itself. */
export interface PeerIdentity {
  /** URIs of its certificate, e.g. `spiffe://cluster.local/ns/shop/sa/web`. */
  readonly uris: readonly string[];
  readonly dnsNames: readonly string[];
  /** Common name of the certificate's subject; `''` if it has none. */
  readonly commonName: string;
  /** SHA-256 of the certificate, as `AB:CD:...`. */
  readonly fingerprint: string;
}

/** Who is on the other end of the connection. */
export interface Peer {
  /** IP and port. */
  readonly address: string;
  /** Undefined: no client certificate was asked for. Nobody else has proven who they are. */
  readonly identity: PeerIdentity | undefined;
}

/** A change of a view, with the resources that it took away. */
export interface ViewChange extends SnapshotChange {
  /** The last content of what `changed` lists as undefined: a removed cluster is served until no route names it. */
  readonly removed: ReadonlyMap<TypeUrl, ReadonlyMap<string, Resource>>;
}

/**
 * What the nodes of one group are served. Live: reading it between two events of the loop is consistent, and `onChange`
 * is called synchronously after the change is visible.
 */
export interface ResourceView {
  /** Grows with every change. */
  readonly revision: number;
  /** Set while it is not complete: nothing is sent before it resolves, since a client drops what it is not told. */
  readonly ready?: Promise<void> | undefined;
  /** Empty for a type without resources. */
  resources(type: TypeUrl): ReadonlyMap<string, Resource>;
  /** Order-independent hash over the type's resources; equal on every replica for equal content. */
  version(type: TypeUrl): string;
  /** @returns the function that ends the subscription. */
  subscribe(onChange: (change: ViewChange) => void): () => void;
}

/** Why a node gets nothing; the stream ends with PERMISSION_DENIED and this text. */
export interface Refusal {
  readonly refused: string;
}

/** All that the xDS servers know of the rest of the bridge. */
export interface ResourceProvider {
  /** Called once per stream; nodes of one group should get the same object, whose encodings are then shared. */
  viewFor(node: NodeInfo, peer: Peer): ResourceView | Refusal;
}
