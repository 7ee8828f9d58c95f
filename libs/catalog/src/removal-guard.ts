import type { ServiceId, ServiceRecord } from '@isthmus/model';
import { endpointKey, takesTraffic } from '@isthmus/model';
import type { FlapOptions } from './flap-damper.ts';
import type { KnownRecord, Retained } from './scope-state.ts';
import { hasTurned, wellOf } from './turned-unhealthy.ts';

/** Services handled between two chances for the event loop (about 1 ms). */
export const STEP = 100;

export interface GuardOptions {
  /** A change that would remove more than this share of a scope's endpoints is held. 100: none is. Default 50. */
  readonly maxRemovalPercent: number;
  /** … when it is more than this many. Default 10. */
  readonly minEndpoints: number;
  /** A change that would make as many unhealthy is held, too. Default true. */
  readonly holdUnhealthy: boolean;
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
  holdUnhealthy: true,
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
  /** Of those that get requests (`well`): such as the read calls unhealthy, these and such as it drops, and how many it leaves. */
  readonly turned: number;
  readonly wellLost: number;
  readonly well: number;
  readonly wellLeft: number;
}

/** Yields every `STEP` services, so that a large scope never holds the event loop. @param doubts see `compare` */
export function* removalBetween(
  before: ReadonlyMap<ServiceId, KnownRecord>,
  after: ReadonlyMap<ServiceId, ServiceRecord>,
  isDue: (retained: Retained) => boolean,
  doubts: boolean,
): Generator<void, Removal> {
  let removing = 0;
  let of = 0;
  let confirmed = 0;
  let left = 0;
  let services = 0;
  let [turned, wellLost, well, wellLeft] = [0, 0, 0, 0];
  let seen = 0;
  for (const [id, { record, retained }] of before) {
    seen += 1;
    if (seen % STEP === 0) yield;
    const next = after.get(id);
    if (next === record) {
      of += record.endpoints.length;
      well += wellOf(record.endpoints);
      services += 1;
      continue;
    }
    const kept = new Map(next?.endpoints.map((endpoint) => [endpointKey(endpoint), endpoint]));
    let alive = 0;
    for (const endpoint of record.endpoints) {
      const key = endpointKey(endpoint);
      const isGone = !kept.has(key);
      const isTurned = doubts && hasTurned(endpoint, kept.get(key));
      const waits = retained.get(key);
      const waiting = isGone || (isTurned && waits?.why === 'mass') ? waits : undefined;
      const isConfirmed = waiting !== undefined && isDue(waiting);
      if (isConfirmed) confirmed += 1;
      if (!isConfirmed && isTurned) turned += 1;
      if (!isConfirmed && isGone) removing += 1;
      if (!isConfirmed || isTurned) alive += 1;
      if (isConfirmed || !takesTraffic(endpoint)) continue;
      well += 1;
      if (isGone || isTurned) wellLost += 1;
    }
    of += alive;
    if (alive > 0) services += 1;
  }
  for (const { endpoints } of after.values()) {
    seen += 1;
    if (seen % STEP === 0) yield;
    left += endpoints.length;
    wellLeft += wellOf(endpoints);
  }
  return { removing, of, confirmed, left, services, turned, wellLost, well, wellLeft };
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

/**
 * Whether what a complete read calls unhealthy is held: that many at once are rather cut off from their registry than ill, as
 * Envoy’s panic threshold has it. `most`: endpoints that got requests within the window.
 */
export function isMassTurn({ turned, wellLost, well, wellLeft }: Removal, most: number, options: GuardOptions): boolean {
  if (turned === 0) return false;
  return isMass(wellLost, well, options) || isMass(most - wellLeft, most, options);
}

/** Whether a change that leaves `left` endpoints of the `most` that there were within the window is held. */
export function isMassLoss(left: number, most: number, options: GuardOptions): boolean {
  return isMass(most - left, most, options);
}

function isMass(lost: number, of: number, options: GuardOptions): boolean {
  return lost > options.minEndpoints && lost * 100 > of * options.maxRemovalPercent;
}
