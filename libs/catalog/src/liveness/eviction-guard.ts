import type { Clock, ScopeId, ServiceId } from '@isthmus/model';
import type { Listing } from './listings.ts';

export interface EvictionGuardOptions {
  /** Evictions of more than this share of a scope's endpoints are held. */
  readonly maxRemovalPercent: number;
  /** … when they are more than this many. */
  readonly minEndpoints: number;
  /** A held eviction goes when it is still wanted after this many ms of a live view. */
  readonly confirmAfterMs: number;
}

/** Prefix of a scope's id in `get held` and `release-held`: its removals may be held at the same time. */
export const EVICTIONS = 'evictions:';

/** Evictions of one scope that wait. */
export interface HeldEvictions {
  readonly scope: ScopeId;
  /** When the first of them was wanted, ms. */
  readonly since: number;
  readonly removing: number;
  readonly of: number;
  /** Sorted. */
  readonly services: readonly ServiceId[];
}

interface ScopeEvictions {
  listed: number;
  evicted: number;
  readonly held: Set<Listing>;
  since: number;
  /** When evictions that nobody confirmed were let through, ms; older than the window they count no longer. */
  recent: number[];
}

/**
 * The mass-deletion guard of evictions (architecture, rules 2 and 4): when more than a share of what a scope's endpoints
 * are would go within `confirmAfter`, those beyond it wait until Kubernetes has said so for that long, or until an
 * operator lets them through. A broken informer, a network range that is too wide and a dead checker look just alike.
 */
export class EvictionGuard {
  readonly #options: EvictionGuardOptions;
  readonly #clock: Clock;
  readonly #scopes = new Map<ScopeId, ScopeEvictions>();
  readonly #unsettled = new Set<ScopeId>();
  readonly #evict: (listing: Listing) => void;

  constructor(options: EvictionGuardOptions, clock: Clock, evict: (listing: Listing) => void) {
    this.#options = options;
    this.#clock = clock;
    this.#evict = evict;
  }

  listed(listing: Listing, by: 1 | -1): void {
    const scope = this.#scope(listing.scope);
    scope.listed += by;
    if (by < 0) this.forget(listing);
    if (scope.held.size > 0) this.#unsettled.add(listing.scope);
    if (scope.listed === 0) this.#scopes.delete(listing.scope);
  }

  /** It is to go: with `settle`, at once or later. */
  want(listing: Listing): void {
    const scope = this.#scope(listing.scope);
    if (scope.held.size === 0) scope.since = this.#clock.now();
    listing.state = 'held';
    scope.held.add(listing);
    this.#unsettled.add(listing.scope);
  }

  /** From the ledger: it went before this process started. */
  restored(listing: Listing): void {
    listing.state = 'evicted';
    this.#scope(listing.scope).evicted += 1;
  }

  /** It is kept again, or not listed any longer. */
  forget(listing: Listing): void {
    const scope = this.#scope(listing.scope);
    if (listing.state === 'evicted') scope.evicted -= 1;
    if (scope.held.delete(listing)) this.#unsettled.add(listing.scope);
    listing.state = 'kept';
  }

  /** Decides about what was wanted since the last call. */
  settle(): void {
    for (const id of this.#unsettled) {
      const scope = this.#scopes.get(id);
      if (scope === undefined || scope.held.size === 0) continue;
      const now = this.#clock.now();
      scope.recent = scope.recent.filter((at) => now - at < this.#options.confirmAfterMs);
      const { removing, of } = this.#size(scope);
      if (removing > this.#options.minEndpoints && removing * 100 > of * this.#options.maxRemovalPercent) continue;
      scope.recent.push(...Array.from(scope.held, () => now));
      this.#flush(scope);
    }
    this.#unsettled.clear();
  }

  /** Time in which nobody watched confirms nothing. */
  restartWaiting(): void {
    for (const scope of this.#scopes.values()) scope.since = this.#clock.now();
  }

  confirmDue(isLive: (listing: Listing) => boolean): void {
    for (const scope of this.#scopes.values()) {
      if (scope.held.size === 0 || this.#clock.now() - scope.since < this.#options.confirmAfterMs) continue;
      if ([...scope.held].every(isLive)) this.#flush(scope);
    }
  }

  /** When `confirmDue` has something to do next, ms. */
  nextConfirmation(): number | undefined {
    const due = [...this.#scopes.values()].filter((s) => s.held.size > 0).map((s) => s.since + this.#options.confirmAfterMs);
    return due.length === 0 ? undefined : Math.min(...due);
  }

  /** @returns how many went; undefined when nothing is held there */
  release(id: string): number | undefined {
    const scope = id.startsWith(EVICTIONS) ? this.#scopes.get(id.slice(EVICTIONS.length) as ScopeId) : undefined;
    if (scope === undefined || scope.held.size === 0) return undefined;
    return this.#flush(scope);
  }

  held(): readonly HeldEvictions[] {
    return [...this.#scopes]
      .filter(([, scope]) => scope.held.size > 0)
      .map(([id, scope]) => ({
        scope: id,
        since: scope.since,
        ...this.#size(scope),
        services: [...new Set([...scope.held].map((listing) => listing.service))].sort(),
      }));
  }

  #size(scope: ScopeEvictions): { readonly removing: number; readonly of: number } {
    const removing = scope.held.size + scope.recent.length;
    return { removing, of: scope.listed - Math.max(0, scope.evicted - scope.recent.length) };
  }

  #flush(scope: ScopeEvictions): number {
    const listings = [...scope.held];
    scope.held.clear();
    for (const listing of listings) {
      listing.state = 'evicted';
      scope.evicted += 1;
      this.#evict(listing);
    }
    return listings.length;
  }

  #scope(id: ScopeId): ScopeEvictions {
    let scope = this.#scopes.get(id);
    if (scope === undefined) this.#scopes.set(id, (scope = { listed: 0, evicted: 0, held: new Set(), since: 0, recent: [] }));
    return scope;
  }
}
