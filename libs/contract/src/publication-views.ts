import type { ItemList } from './envelopes.ts';

/** One name that is, or shall be, published into a registry: `GET /api/v1/publications` */
export interface PublicationView {
  /** The registry's name in the config. */
  readonly to: string;
  /** Nacos namespace and group; `''`: the registry's default, or it has none. */
  readonly namespace: string;
  readonly group: string;
  readonly name: string;
  /** Mesh host that it stands for. */
  readonly host: string;
  /**
   * `pending`: not written yet; `published`; `waiting`: wanted no more, kept until its sources have been read completely;
   * `failed`: the registry refuses it.
   */
  readonly state: 'pending' | 'published' | 'waiting' | 'failed';
  /** Entries of ours in the registry, `address:port`. */
  readonly entries: readonly string[];
  /** Entries that are left alone, because somebody else registered them. */
  readonly taken: readonly string[];
  /** Other hosts that would have the same name there. */
  readonly losers: readonly string[];
  /** Why it failed. */
  readonly cause?: string;
}

/** One registry that is published into. */
export interface SinkView {
  readonly to: string;
  /** `idle`: nothing to do; `standby`: another replica writes; `connecting`; `live`; `failing`. */
  readonly state: 'idle' | 'standby' | 'connecting' | 'live' | 'failing';
  /** Milliseconds since the epoch from which on it fails. */
  readonly since?: number;
  readonly cause?: string;
  /** Since the bridge started. */
  readonly registered: number;
  readonly renewed: number;
  readonly withdrawn: number;
  readonly failed: number;
}

export interface PublicationList extends ItemList<PublicationView> {
  readonly sinks: readonly SinkView[];
}

/** One entry that would be touched, or is left alone on purpose: `GET /api/v1/publications/diff` */
export interface PublicationChangeView {
  readonly to: string;
  readonly action: 'register' | 'change' | 'deregister' | 'leave' | 'wait';
  readonly namespace: string;
  readonly group: string;
  readonly name: string;
  readonly address: string;
  readonly port: number;
  readonly why: string;
  /** What is written. */
  readonly weight?: number;
  readonly metadata?: Readonly<Record<string, string>>;
}

export interface PublicationDiff extends ItemList<PublicationChangeView> {
  /** Registries that could not be asked, and why. */
  readonly failed: readonly { readonly to: string; readonly cause: string }[];
}
