import type { Clock, Ledger, MeshHost, Protocol, SourceId } from '@isthmus/model';
import type { Marks } from './marks.ts';

/** A service's place in a registry. `namespace` and `group` are `''` where the registry has none, or its default is meant. */
export interface PublishedName {
  readonly namespace: string;
  readonly group: string;
  readonly name: string;
}

/** One instance to write. */
export interface PublishedInstance {
  /** IP or DNS name, with the port that callers dial. */
  readonly address: string;
  readonly port: number;
  readonly protocol: Protocol;
  /** 1 is normal. */
  readonly weight: number;
  /** Without marks. */
  readonly metadata: Readonly<Record<string, string>>;
  /** Id of the service it stands for, in the mesh that knows it first. */
  readonly origin: string;
  /** Meshes that it came through before ours; empty for what we know ourselves. */
  readonly path: readonly string[];
  /** The registry that says it exists: until that has been read completely in this process nothing of it is withdrawn. */
  readonly source: SourceId;
}

/** What a mesh host is written as. */
export interface Publication {
  readonly host: MeshHost;
  readonly at: PublishedName;
  /** Sorted by address and port, one each. */
  readonly instances: readonly PublishedInstance[];
  /** How long entries outlive a bridge that is gone, milliseconds. */
  readonly ttlMs: number;
}

/** A `PublishedName` as one string, `namespace/group/name`, each part URL-encoded. */
export function publicationId({ namespace, group, name }: PublishedName): string {
  return [namespace, group, name].map(encodeURIComponent).join('/');
}

/** An instance with everything that is written of it. */
export interface SinkEntry {
  readonly at: PublishedName;
  readonly address: string;
  readonly port: number;
  readonly protocol: Protocol;
  readonly weight: number;
  readonly metadata: Readonly<Record<string, string>>;
  readonly marks: Marks;
  readonly ttlMs: number;
}

/** An entry that a registry has under a name, ours or not. */
export interface ListedEntry {
  readonly address: string;
  readonly port: number;
  /** Undefined: no Isthmus wrote it. */
  readonly marks: Marks | undefined;
}

/**
 * What one registry can be asked to write, on one server. Every call ends within the registry's deadline.
 * @throws IsthmusError `registry.unreachable` and `registry.timeout` end the session; anything else is about that service.
 */
export interface SinkSession {
  /** Everything under that name, the entries of others included. */
  list(at: PublishedName, signal: AbortSignal): Promise<readonly ListedEntry[]>;
  /** Writes or changes it; it then is healthy and lives for its `ttlMs`. */
  register(entry: SinkEntry, signal: AbortSignal): Promise<void>;
  /** `unknown`: the registry has lost it (a restart, an expired lease). */
  renew(entry: SinkEntry, signal: AbortSignal): Promise<'renewed' | 'unknown'>;
  /** An entry that is not there is no error. */
  deregister(entry: SinkEntry, signal: AbortSignal): Promise<void>;
  /**
   * Asks for the right to write under that name, and changes nothing.
   * @throws IsthmusError `registry.auth` without it
   */
  mayWrite(at: PublishedName, signal: AbortSignal): Promise<void>;
  close(): void;
}

/** How one kind of registry is written to. */
export interface SinkWire {
  /** The next server after a failure: `attempt` counts up. @throws IsthmusError when it cannot be reached or refuses us. */
  connect(attempt: number, signal: AbortSignal): Promise<SinkSession>;
}

/** One writer at a time: with several replicas the elected one, else always. */
export interface Writer {
  isWriter(): boolean;
  /** Who writes, the same over restarts: entries of another owner are renewed if wanted, and never taken away. */
  readonly owner: string;
  /** Calls back after `isWriter` changed; returns how to stop that. */
  onChange(listener: () => void): () => void;
}

/** For one replica. */
export function alwaysWriter(owner: string): Writer {
  return { isWriter: () => true, owner, onChange: () => () => undefined };
}

/** What the wire may use of the outside. */
export interface SinkWireDeps {
  readonly clock: Clock;
  /** Directory that relative secret and certificate paths in the config start from. */
  readonly baseDir: string;
  /** Part of what names our entries where a registry has ids of entries. */
  readonly meshId: string;
}

export interface SinkDeps {
  readonly clock: Clock;
  /** [0, 1), for jitter. */
  readonly random: () => number;
  readonly meshId: string;
  readonly writer: Writer;
  /** Remembers what was written (`publication`), so that a bridge that starts again can keep it and take it away. */
  readonly ledger: Ledger;
  /** The source was read completely in this process and what it said is in what we want: its entries may be withdrawn. */
  readonly isComplete: (source: SourceId) => boolean;
}

/** A registry that mesh services are written into. */
export interface RegistrySink {
  readonly id: SourceId;
  /** What is wanted under a name from now on; undefined: nothing of ours. The work of a change is that of its name. */
  want(id: string, publication: Publication | undefined): void;
  /** A source became complete: what waited for it may be withdrawn. */
  gateChanged(): void;
  /**
   * Writes, renews and withdraws until the signal aborts; nothing is withdrawn because of that: a bridge that starts again
   * finds its entries, and one that does not leaves nothing for longer than their TTL. Never throws.
   */
  run(signal: AbortSignal): Promise<void>;
  /** What `run` would write now; writes nothing. @throws IsthmusError when the registry cannot be asked. */
  diff(signal: AbortSignal): Promise<readonly SinkChange[]>;
  readonly status: SinkStatus;
  readonly counters: SinkCounters;
  publications(): Iterable<PublicationState>;
  publication(id: string): PublicationState | undefined;
}

export type SinkStatus =
  /** Nothing is wanted and nothing of ours is there. */
  | { readonly state: 'idle' }
  /** Another replica writes. */
  | { readonly state: 'standby' }
  | { readonly state: 'connecting' }
  | { readonly state: 'live' }
  | { readonly state: 'failing'; readonly since: number; readonly cause: string };

/** Since the process started. */
export interface SinkCounters {
  readonly registered: number;
  readonly renewed: number;
  readonly withdrawn: number;
  readonly failed: number;
}

/** One name in the registry, as far as we are concerned. */
export interface PublicationState {
  readonly id: string;
  readonly at: PublishedName;
  readonly host: MeshHost;
  /**
   * `pending`: not written yet; `published`; `waiting`: wanted no more, kept until its sources have been read;
   * `failed`: the registry refuses it.
   */
  readonly state: 'pending' | 'published' | 'waiting' | 'failed';
  /** Entries of ours in the registry. */
  readonly entries: readonly { readonly address: string; readonly port: number }[];
  /** `address:port` that are left alone, because somebody else registered them. */
  readonly taken: readonly string[];
  /** Why it failed. */
  readonly cause?: string;
}

/** One entry that a dry run would touch, or leave alone on purpose. */
export interface SinkChange {
  readonly action: 'register' | 'change' | 'deregister' | 'leave' | 'wait';
  readonly at: PublishedName;
  readonly address: string;
  readonly port: number;
  readonly why: string;
  /** What is written, for `register` and `change`. */
  readonly metadata?: Readonly<Record<string, string>>;
  readonly weight?: number;
}
