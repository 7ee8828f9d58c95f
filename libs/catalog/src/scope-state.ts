import type {
  Diagnostic,
  Endpoint,
  HeldRemoval,
  RetainedEndpoint,
  Scope,
  ServiceId,
  ServiceRecord,
  SourceStatus,
} from '@isthmus/model';
import type { HighWater } from './high-water.ts';
import type { Refused } from './tombstones.ts';

/** What the catalog knows of one scope. */
export interface ScopeState {
  readonly scope: Scope;
  status: SourceStatus;
  /** When the status last changed, ms. */
  statusSince: number;
  /** When it was last completely read, ms; undefined: never in this process. */
  lastSync: number | undefined;
  /** When the registry last confirmed what is known, ms, also before a restart; while it is live that is now. */
  asOf: number | undefined;
  readonly records: Map<ServiceId, KnownRecord>;
  /** Endpoints in `records`. */
  size: number;
  /** Endpoints that the registry lists. */
  listed: number;
  /** Since when the registry lists none, ms; undefined: it lists some, or never said. */
  emptySince: number | undefined;
  readonly highWater: HighWater;
  /** Endpoints in `records` that get requests, and the most of them within the window. */
  well: number;
  readonly wellWater: HighWater;
  /** Services with retained or refused endpoints. */
  readonly waiting: Set<ServiceId>;
  /** Retained endpoints by reason. */
  readonly retained: { mass: number; outage: number; flap: number };
  /** Those of `retained` that the registry still lists, as unhealthy. */
  unhealthy: number;
  /** Watched time from which on removals may be confirmed: before, its source did not follow the registry. */
  watchedFrom: number;
  /** While a registry that this process has followed is away: since when, ms. */
  awaySince: number | undefined;
  /** Since when and for how long, ms, what the registry takes away waits: it was away itself, and its providers could not reach it. */
  doubted: { readonly from: number; readonly forMs: number } | undefined;
  /** While something is held: what removals are measured against however long it takes; else 0. */
  heldMost: number;
  /** … and those that turn unhealthy. */
  heldWell: number;
  /** Removals that wait for a confirmation. */
  held: HeldRemoval | undefined;
  diagnostics: readonly Diagnostic[];
}

export interface KnownRecord {
  /** What is published: what the registry lists, without what is refused, with what is retained. */
  readonly record: ServiceRecord;
  /** What the registry lists; undefined: it does not list the service. */
  readonly said: ServiceRecord | undefined;
  /** When what the registry says of it last changed, ms. */
  readonly changedAt: number;
  /** From the ledger, not said by the registry since this process started. */
  readonly restored: boolean;
  /** By `endpointKey`: endpoints that the registry no longer lists, and such as it calls unhealthy. */
  readonly retained: ReadonlyMap<string, Retained>;
  /** Listed, and left out as older views of registrations that are over. */
  readonly refused: readonly Refused[];
}

export interface Retained extends Omit<RetainedEndpoint, 'key'> {
  readonly endpoint: Endpoint;
  /** Watched time at which the waiting began. */
  readonly from: number;
}

/** Whether it waits for its registry to confirm that it is gone, as an operator may for it too; what flaps only waits. */
export function isHeld({ why }: Pick<Retained, 'why'>): boolean {
  return why !== 'flap';
}

/** Whether its source follows the registry, all of it or a part. */
export function follows({ state }: SourceStatus): boolean {
  return state === 'live' || state === 'partial';
}

export const NOTHING_RETAINED: ReadonlyMap<string, Retained> = new Map();
