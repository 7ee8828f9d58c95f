import type { ServiceId, ServiceRecord } from '@isthmus/model';
import { endpointKey } from '@isthmus/model';
import type { FlapOptions } from './flap-damper.ts';
import type { KnownRecord, Retained } from './scope-state.ts';

/** Services handled between two chances for the event loop (about 1 ms). */
export const STEP = 100;

export interface GuardOptions {
  /** A change that would remove more than this share of a scope's endpoints is held. 100: none is. Default 50. */
  readonly maxRemovalPercent: number;
  /** … when it is more than this many. Default 10. */
  readonly minEndpoints: number;
  /** A held removal is let through when it is still true after this many ms. Default 30,000. */
  readonly confirmAfterMs: number;
  /** Single removals are added up over this many ms. Default 60,000. */
  readonly windowMs: number;
  readonly flap: FlapOptions;
  /** How long a registration that is over is remembered, ms; 0: not at all. Default 90,000 (a lease of Eureka). */
  readonly tombstoneTtlMs: number;
}

export const DEFAULT_GUARD: GuardOptions = {
  maxRemovalPercent: 50,
  minEndpoints: 10,
  confirmAfterMs: 30_000,
  windowMs: 60_000,
  flap: { count: 3, halfLifeMs: 300_000, delayMs: 10_000, maxDelayMs: 60_000 },
  tombstoneTtlMs: 90_000,
};

/** What a complete read would take away from a scope. */
export interface Removal {
  /** Endpoints that would go, of how many there are; those that are confirmed count in neither. */
  readonly removing: number;
  readonly of: number;
  /** Retained endpoints that it confirms to be gone. */
  readonly confirmed: number;
  /** Endpoints that the read lists. */
  readonly left: number;
  /** Services that have endpoints now. */
  readonly services: number;
}

/** Yields every `STEP` services, so that a large scope never holds the event loop. */
export function* removalBetween(
  before: ReadonlyMap<ServiceId, KnownRecord>,
  after: ReadonlyMap<ServiceId, ServiceRecord>,
  isDue: (retained: Retained) => boolean,
): Generator<void, Removal> {
  let removing = 0;
  let of = 0;
  let confirmed = 0;
  let left = 0;
  let services = 0;
  let seen = 0;
  for (const [id, { record, retained }] of before) {
    seen += 1;
    if (seen % STEP === 0) yield;
    const next = after.get(id);
    if (next === record) {
      of += record.endpoints.length;
      services += 1;
      continue;
    }
    const kept = new Set(next?.endpoints.map(endpointKey));
    let alive = 0;
    for (const endpoint of record.endpoints) {
      const key = endpointKey(endpoint);
      const waiting = kept.has(key) ? undefined : retained.get(key);
      if (waiting !== undefined && isDue(waiting)) confirmed += 1;
      else {
        alive += 1;
        if (!kept.has(key)) removing += 1;
      }
    }
    of += alive;
    if (alive > 0) services += 1;
  }
  for (const { endpoints } of after.values()) left += endpoints.length;
  return { removing, of, confirmed, left, services };
}

/**
 * Whether a complete read is held: it drops more than the share (architecture, rule 2), it empties a scope of several
 * services, however small (an empty registry was restarted or is another one nearly always), or it is the last of
 * several reads that together take the share. `most`: endpoints that the scope had within the window.
 */
export function isMassRead(removal: Removal, most: number, options: GuardOptions): boolean {
  if (removal.removing === 0 || options.maxRemovalPercent >= 100) return false;
  if (removal.left === 0 && removal.services > 1) return true;
  return isMass(removal.removing, removal.of, options) || isMass(most - removal.left, most, options);
}

/** Whether a change that leaves `left` endpoints of the `most` that there were within the window is held. */
export function isMassLoss(left: number, most: number, options: GuardOptions): boolean {
  return isMass(most - left, most, options);
}

function isMass(lost: number, of: number, options: GuardOptions): boolean {
  return lost > options.minEndpoints && lost * 100 > of * options.maxRemovalPercent;
}
