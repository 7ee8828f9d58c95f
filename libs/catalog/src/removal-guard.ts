import type { HeldRemoval, ServiceId, ServiceRecord } from '@isthmus/model';
import { endpointKey } from '@isthmus/model';
import type { KnownRecord } from './scope-state.ts';

/** Services handled between two chances for the event loop (about 1 ms). */
export const STEP = 100;

export interface GuardOptions {
  /** A complete read that would remove more than this share of a scope's endpoints is held. Default 50. */
  readonly maxRemovalPercent: number;
  /** … when it is more than this many. Default 10. */
  readonly minEndpoints: number;
  /** A held removal is let through when it is still true after this many ms. Default 30,000. */
  readonly confirmAfterMs: number;
}

export const DEFAULT_GUARD: GuardOptions = { maxRemovalPercent: 50, minEndpoints: 10, confirmAfterMs: 30_000 };

/** What a complete read would take away from a scope. */
export interface Removal {
  readonly removing: number;
  readonly of: number;
  /** Services that lose endpoints, sorted. */
  readonly services: readonly ServiceId[];
}

/** Yields every few hundred services, so that a large scope never holds the event loop. */
export function* removalBetween(
  before: ReadonlyMap<ServiceId, KnownRecord>,
  after: ReadonlyMap<ServiceId, ServiceRecord>,
): Generator<void, Removal> {
  let removing = 0;
  let of = 0;
  let seen = 0;
  const services: ServiceId[] = [];
  for (const [id, { record }] of before) {
    seen += 1;
    if (seen % STEP === 0) yield;
    of += record.endpoints.length;
    const lost = lostEndpoints(record, after.get(id));
    if (lost === 0) continue;
    removing += lost;
    services.push(id);
  }
  return { removing, of, services: services.sort() };
}

function lostEndpoints(record: ServiceRecord, next: ServiceRecord | undefined): number {
  if (next === undefined) return record.endpoints.length;
  if (next === record) return 0;
  const kept = new Set(next.endpoints.map(endpointKey));
  return record.endpoints.filter((endpoint) => !kept.has(endpointKey(endpoint))).length;
}

/** "More than 10" and "more than half" (architecture, rule 2). */
export function isMassRemoval(removal: Removal, options: GuardOptions): boolean {
  return removal.removing > options.minEndpoints && removal.removing * 100 > removal.of * options.maxRemovalPercent;
}

export function isConfirmed(held: HeldRemoval, now: number, options: GuardOptions): boolean {
  return now - held.since >= options.confirmAfterMs;
}
