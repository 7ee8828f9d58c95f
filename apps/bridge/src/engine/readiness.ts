import type { ScopeState } from '@isthmus/catalog';
import type { SourceId } from '@isthmus/model';

/**
 * When the outputs may speak. A proxy that is told half of what there is drops the other half, so they wait for every
 * registry's first complete read, or for what the ledger knows of it; and for the first read of Istio's rules, of which the
 * ledger knows nothing: without its Sidecar a proxy that comes back is told other listeners, and without its DestinationRules it
 * loses clusters (`test/e2e/churn-under-load.test.ts`). A registry that cannot be read delays them by `maxWaitMs` at most and never
 * blocks the others (istiod does not start without its source).
 */
export class Readiness {
  readonly ready: Promise<void>;
  readonly #sources: ReadonlySet<SourceId>;
  readonly #timer: NodeJS.Timeout;
  #resolve: () => void = () => undefined;
  #state: 'waiting' | 'complete' | 'late' = 'waiting';
  #knowsRules = false;

  constructor(sources: ReadonlySet<SourceId>, maxWaitMs: number) {
    this.#sources = sources;
    this.ready = new Promise((resolve) => (this.#resolve = resolve));
    this.#timer = setTimeout(() => this.#end('late'), maxWaitMs).unref();
  }

  /** `late`: the time ran out before every registry was read. */
  get state(): 'waiting' | 'complete' | 'late' {
    return this.#state;
  }

  get knowsRules(): boolean {
    return this.#knowsRules;
  }

  /** Istio's objects were read once, or cannot be; `check` is to follow when they are in the snapshots. */
  rulesWereRead(): void {
    this.#knowsRules = true;
  }

  /** Something complete is known of every registry and of the rules, though not yet in the snapshots. */
  isComplete(scopes: Iterable<ScopeState>): boolean {
    return this.#knowsRules && missingSources(this.#sources, scopes).length === 0;
  }

  /** Looks again; call it after an event was applied and is in the snapshots. */
  check(scopes: Iterable<ScopeState>): void {
    if (this.#state === 'waiting' && this.isComplete(scopes)) this.#end('complete');
  }

  close(): void {
    clearTimeout(this.#timer);
  }

  #end(state: 'complete' | 'late'): void {
    if (this.#state !== 'waiting') return;
    clearTimeout(this.#timer);
    this.#state = state;
    this.#resolve();
  }
}

/** Registries of which nothing complete is known yet, sorted. */
export function missingSources(sources: ReadonlySet<SourceId>, scopes: Iterable<ScopeState>): readonly SourceId[] {
  const known = new Set<SourceId>();
  const missing = new Set<SourceId>();
  for (const { scope, lastSync, records } of scopes) {
    if (lastSync !== undefined || records.values().some((record) => record.restored)) known.add(scope.source);
    // A scope without a name: the source has not learnt yet what its scopes are called (a Consul that is down).
    else if (scope.namespace !== '' || scope.group !== '') missing.add(scope.source);
  }
  return [...sources].filter((source) => missing.has(source) || !known.has(source)).sort();
}
