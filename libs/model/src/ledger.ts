import type { Writer } from './writer.ts';

/**
 * What cannot be derived from the registries alone, and so is an explicit input of the pure stages. In the order in which
 * stores write them. Only additions: a ledger of an earlier version has none of the new tables and is read all the same.
 *
 * - `vip`: the address of a `MeshHost`, text.
 * - `held`: a `HeldRemoval` per `ScopeId`; where replicas share it also a `LetGo` per `/` and `ServiceId`.
 * - `scope`: a `ScopeAge` per `ScopeId`.
 * - `retained`: `RetainedEndpoint`s per `ServiceId`.
 * - `evicted`: an `Eviction` (catalog, liveness) per `ServiceId` and endpoint: what the cross-check with Kubernetes took out.
 * - `failing`: what active checks took out, a `FailingEndpoints` (catalog, liveness) per `ServiceId`.
 * - `corrected`: what was taken out at a registry itself, per `ServiceId` and endpoint, so that it can be undone.
 * - `tombstone`: a `Tombstone` per `ServiceId` and endpoint.
 * - `plan`: a `PlanRow` (plans) per name: its spec where the API owns it, where it is, and what happened to it.
 * - `registered`: a proxy that is a workload of a WorkloadGroup, and how it is, per namespace and name of its WorkloadEntry and what its certificate says.
 * - `record`: last known good, a `ServiceRecord` per `ServiceId`: what is published, retained endpoints included.
 */
export const LEDGER_TABLES = [
  'vip',
  'held',
  'scope',
  'retained',
  'evicted',
  'failing',
  'corrected',
  'tombstone',
  'publication',
  'plan',
  'registered',
  'record',
] as const;
export type LedgerTable = (typeof LEDGER_TABLES)[number];

/** Same sources + same revision = same bytes on every replica. */
export interface LedgerView {
  /** Grows by one with every change. */
  readonly revision: number;
  get(table: LedgerTable, key: string): unknown;
  /** Live, in order of first writing. */
  entries(table: LedgerTable): ReadonlyMap<string, unknown>;
}

/** Values are immutable JSON; the ledger keeps the reference, so that last known good costs no second copy. */
export interface Ledger extends LedgerView {
  /**
   * Set where several replicas share the ledger: then only the leader's changes of shared tables take effect, and only when
   * they are written, for all replicas at the same revision.
   */
  readonly writer?: Writer;
  put(table: LedgerTable, key: string, value: unknown): void;
  delete(table: LedgerTable, key: string): void;
}

/** A mass deletion that waits for its confirmation (architecture, rule 2). */
export interface HeldRemoval {
  readonly since: number;
  /** Endpoints that would go, of how many the scope has. */
  readonly removing: number;
  readonly of: number;
  /** The most that the scope had within the guard's window when it began to hold: what removals are measured against. */
  readonly most?: number;
  /** How many of `removing` the registry still lists: it calls them unhealthy. Absent: none. */
  readonly unhealthy?: number;
  /** The most that got requests, when it began to hold: what turns unhealthy is measured against it. Absent: none of `unhealthy`. */
  readonly mostWell?: number;
  /** Some of the services that would lose endpoints, at most 20; sorted. */
  readonly services: readonly string[];
}

/** What the leader of the replicas lets go of a service; it stays for a while, so that all of them read it. */
export interface LetGo {
  /**
   * Their `endpointKey`s, each with when that was decided, ms since the epoch: who was lost only later was lost anew. Those that were
   * named before and have not come back are the first.
   */
  readonly endpoints: readonly (readonly [key: string, at: number])[];
}

/** How old what is known of a scope is, over restarts. */
export interface ScopeAge {
  /** When its registry last confirmed it, ms since the epoch; may be a few minutes too early after a crash. */
  readonly asOf: number;
}

/** An endpoint that is published although its registry no longer lists it, or lists it as unhealthy. */
export interface RetainedEndpoint {
  /** Its `endpointKey`. */
  readonly key: string;
  /**
   * `mass`: held with many others (rule 2). `outage`: its registry was away just before, so its providers could not reach it.
   * `flap`: it comes and goes, so its going is believed later.
   */
  readonly why: 'mass' | 'outage' | 'flap';
  /** Set where the registry still lists it: it calls it unhealthy. */
  readonly listed?: true;
  /** When the registry stopped listing it, or first called it unhealthy, ms since the epoch. */
  readonly since: number;
  /** How long it stays at most while its source is well, ms. */
  readonly forMs: number;
}

/** A registration that is over: one that is not younger is an older view of it, not a new one. */
export interface Tombstone {
  /** `Endpoint.incarnation` of the registration that went. */
  readonly incarnation: number;
  /** When it went, ms since the epoch. */
  readonly at: number;
}
