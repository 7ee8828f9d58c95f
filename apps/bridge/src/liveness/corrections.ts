import { describeEviction } from '@isthmus/catalog';
import type { Backing, CrossCheck, Listing } from '@isthmus/catalog';
import type { CorrectConfig } from '@isthmus/config';
import type { CorrectionView } from '@isthmus/contract';
import { messageOf, serviceId, takesTraffic } from '@isthmus/model';
import type { Clock, Endpoint, Ledger, ServiceKey, SourceId } from '@isthmus/model';
import type { RegistryCorrector, Writer } from '@isthmus/registry';
import { WriteBudget } from './write-budget.ts';

/** What was taken out at a registry: in the ledger, because some registries do not list what is disabled. */
interface Corrected {
  readonly key: ServiceKey;
  readonly endpoint: Endpoint;
  readonly backing: Backing | undefined;
  readonly reason: string;
  /** When it was last written, ms. */
  readonly at: number;
}

export interface CorrectionAudit {
  readonly action: 'disable' | 'enable' | 'would disable' | 'would enable';
  readonly service: string;
  readonly address: string;
  readonly port: number;
  readonly reason: string;
}

export interface CorrectionsOptions {
  /** Undefined: nothing is taken out, and what was is let in again. */
  readonly config: CorrectConfig | undefined;
  readonly corrector: (source: SourceId) => RegistryCorrector | undefined;
  readonly crossChecks: readonly CrossCheck[];
  readonly ledger: Ledger;
  readonly writer: Pick<Writer, 'isWriter' | 'onChange'>;
  readonly clock: Clock;
  /** Every write, before it is known whether it succeeds. */
  readonly audit: (entry: CorrectionAudit) => void;
}

type Work = { readonly action: 'disable' | 'enable'; readonly id: string; readonly entry: Corrected };

/** A registry that lets in again what was taken out (Consul's anti-entropy, an operator) is told again after this. */
const AGAIN_MS = 30_000;
/** How long something that was taken out is believed to be registered still. */
const VERIFY_MS = 10 * 60_000;
/** Pod events come in flocks. */
const GATHER_MS = 100;
const MOST_RETRY_MS = 60_000;

/**
 * Tells registries about the dead (opt-in), so that SDK callers stop calling them, and takes it back when they live. Only
 * what the guard of evictions let through, one write at a time, at most so many a minute; only by the writer.
 */
export class Corrections {
  readonly #options: CorrectionsOptions;
  readonly #budget: WriteBudget;
  readonly #failures = new Map<SourceId, { readonly cause: string; readonly tries: number; readonly until: number }>();
  readonly #said = new Set<string>();
  #poked = false;
  #wake: () => void = () => undefined;

  constructor(options: CorrectionsOptions) {
    this.#options = options;
    this.#budget = new WriteBudget(options.config?.perMinute ?? 60, () => options.clock.now());
  }

  /** Something may have to be written. */
  poke(): void {
    this.#poked = true;
    this.#wake();
  }

  async run(signal: AbortSignal): Promise<void> {
    const stopListening = this.#options.writer.onChange(() => this.poke());
    signal.addEventListener('abort', () => this.#wake(), { once: true });
    while (!signal.aborted) {
      const next = await this.#round(signal);
      if (!this.#poked) await this.#sleep(next, signal);
      await this.#sleep(GATHER_MS, signal, false);
      this.#poked = false;
    }
    stopListening();
  }

  *views(): Generator<CorrectionView> {
    for (const { action, entry, id } of this.#work()) {
      const failure = this.#failures.get(entry.key.source);
      const state = this.#options.config?.dryRun === true ? 'dry-run' : failure === undefined ? 'pending' : 'failed';
      if (action === 'enable' || this.#corrected(id) === undefined) yield viewOf(entry, state, action, failure?.cause);
    }
    for (const value of this.#options.ledger.entries('corrected').values()) {
      yield viewOf(value as Corrected, 'disabled', 'disable', undefined);
    }
  }

  /** Registries that cannot be told, and why. */
  get failures(): ReadonlyMap<SourceId, { readonly cause: string }> {
    return this.#failures;
  }

  /** @returns ms until there may be something to do again; undefined: when poked */
  async #round(signal: AbortSignal): Promise<number | undefined> {
    const { clock, writer, config } = this.#options;
    let next = Number.POSITIVE_INFINITY;
    for (const work of this.#work()) {
      if (signal.aborted || !writer.isWriter()) return undefined;
      const { source } = work.entry.key;
      const wait = Math.max(this.#dueIn(work), (this.#failures.get(source)?.until ?? 0) - clock.now());
      if (wait > 0) next = Math.min(next, wait);
      else if (config?.dryRun === true) this.#say(`would ${work.action}`, work);
      else if (!this.#budget.take(source)) next = Math.min(next, this.#budget.nextIn(source));
      else await this.#write(work, signal);
      const failed = this.#failures.get(source);
      if (failed !== undefined) next = Math.min(next, Math.max(GATHER_MS, failed.until - clock.now()));
    }
    return Number.isFinite(next) ? next : undefined;
  }

  *#work(): Generator<Work> {
    const { config, crossChecks, ledger } = this.#options;
    const allowed = new Set(config?.registries ?? []);
    for (const check of crossChecks) {
      if (!check.isKnown) continue;
      for (const listing of check.evictions()) {
        if (listing.state !== 'evicted' || !allowed.has(listing.key.source) || !takesTraffic(listing.endpoint)) continue;
        yield { action: 'disable', id: listing.id, entry: entryOf(listing) };
      }
    }
    for (const [id, value] of [...ledger.entries('corrected')]) {
      const entry = value as Corrected;
      const check = crossChecks.find((candidate) => candidate.isFor(entry.key));
      const verdict = !allowed.has(entry.key.source) ? 'keep' : (check?.verdictOf(entry) ?? 'unknown');
      if (verdict === 'keep') yield { action: 'enable', id, entry };
      else if (verdict === 'evict' && this.#options.clock.now() - entry.at > VERIFY_MS) yield { action: 'disable', id, entry };
    }
  }

  #dueIn({ action, id, entry }: Work): number {
    const { clock, config } = this.#options;
    const before = this.#corrected(id);
    if (action === 'enable') return 0;
    return (before === undefined ? entry.at + (config?.afterMs ?? 0) : before.at + AGAIN_MS) - clock.now();
  }

  async #write({ action, id, entry }: Work, signal: AbortSignal): Promise<void> {
    const { corrector, ledger, clock } = this.#options;
    const { source } = entry.key;
    const to = corrector(source);
    if (to === undefined) {
      const cause = 'registries of this kind cannot be told of the dead; take it out of liveness.correct';
      this.#failures.set(source, { cause, tries: 0, until: Number.POSITIVE_INFINITY });
      return;
    }
    this.#say(action, { action, id, entry });
    try {
      // Before it is written: a bridge that dies in between must know that it may have to take it back.
      if (action === 'disable') ledger.put('corrected', id, { ...entry, at: clock.now() } satisfies Corrected);
      const outcome = await to[action](entry, signal);
      if (action === 'enable' || outcome === 'absent') ledger.delete('corrected', id);
      this.#failures.delete(source);
    } catch (thrown) {
      if (signal.aborted) return;
      const tries = (this.#failures.get(source)?.tries ?? 0) + 1;
      const until = clock.now() + Math.min(MOST_RETRY_MS, 1_000 * 2 ** tries);
      this.#failures.set(source, { cause: messageOf(thrown), tries, until });
      if (action === 'disable') ledger.put('corrected', id, { ...entry, at: clock.now() - AGAIN_MS } satisfies Corrected);
    }
  }

  #say(action: CorrectionAudit['action'], { id, entry }: Work): void {
    if (action.startsWith('would')) {
      if (this.#said.has(`${action} ${id}`)) return;
      if (this.#said.size > 10_000) this.#said.clear();
      this.#said.add(`${action} ${id}`);
    }
    const { address, port } = entry.endpoint;
    this.#options.audit({ action, service: serviceId(entry.key), address, port, reason: entry.reason });
  }

  #corrected(id: string): Corrected | undefined {
    return this.#options.ledger.get('corrected', id) as Corrected | undefined;
  }

  #sleep(ms: number | undefined, signal: AbortSignal, canBePoked = true): Promise<void> {
    if (signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = ms === undefined ? undefined : setTimeout(resolve, ms).unref();
      this.#wake = () => {
        if (!canBePoked && !signal.aborted) return;
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

function entryOf({ key, endpoint, eviction }: Listing): Corrected {
  const reason = eviction === undefined ? '' : describeEviction(eviction);
  return { key, endpoint, backing: eviction?.backing, reason, at: eviction?.since ?? 0 };
}

function viewOf(
  { key, endpoint, reason, at }: Corrected,
  state: CorrectionView['state'],
  action: CorrectionView['action'],
  cause: string | undefined,
): CorrectionView {
  const { address, port } = endpoint;
  return { service: serviceId(key), address, port, state, action, reason, since: at, ...(cause === undefined ? {} : { cause }) };
}
