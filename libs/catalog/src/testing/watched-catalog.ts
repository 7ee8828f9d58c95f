import { scopeId, scopeOf, systemClock } from '@isthmus/model';
import type { Ledger, MeshHost, SourceEvent, SourceId, SourceStatus } from '@isthmus/model';
import { Catalog } from '../catalog.ts';
import { DEFAULT_RULES } from '../merge-rules.ts';
import type { MergeRules } from '../merge-rules.ts';
import type { RecordOverlay } from '../record-overlay.ts';
import { DEFAULT_GUARD } from '../removal-guard.ts';
import type { GuardOptions } from '../removal-guard.ts';
import type { ScopeState } from '../scope-state.ts';
import { record } from './records.ts';

export interface WatchedOptions {
  readonly rules?: Partial<MergeRules>;
  readonly guard?: Partial<GuardOptions>;
  /** Of all sources, ms. Default 0. */
  readonly restartGrace?: number;
}

/** A catalog whose time the test owns. Its records are those of `record()`: the scope `a/ns/g`. */
export class WatchedCatalog {
  readonly clock = { time: systemClock.now(), now: () => this.clock.time };
  readonly ledger: Ledger;
  #options: WatchedOptions;
  catalog: Catalog;

  readonly #overlay: RecordOverlay | undefined;

  constructor(ledger: Ledger, options: WatchedOptions = {}, overlay?: RecordOverlay) {
    this.ledger = ledger;
    this.#overlay = overlay;
    this.#options = options;
    this.catalog = this.#make();
  }

  #make(before?: Catalog): Catalog {
    return new Catalog({
      rules: { ...DEFAULT_RULES, ...this.#options.rules },
      guard: { ...DEFAULT_GUARD, ...this.#options.guard },
      ledger: this.ledger,
      clock: this.clock,
      allocateVips: true,
      restartGrace: () => this.#options.restartGrace ?? 0,
      ...(this.#overlay === undefined ? {} : { overlay: this.#overlay }),
      before,
    });
  }

  say(...events: readonly SourceEvent[]): this {
    for (const event of events) this.catalog.apply(event);
    return this;
  }

  status(status: SourceStatus): this {
    return this.say({ kind: 'status', scope: scopeOf(record('any', []).key), status });
  }

  remove(name: string): this {
    return this.say({ kind: 'remove', key: record(name, []).key });
  }

  /** Time passes under somebody's eyes: the bridge looks once a second. */
  wait(ms: number): this {
    for (let left = ms; left > 0; left -= 1_000) {
      this.clock.time += Math.min(left, 1_000);
      this.catalog.confirmDue();
    }
    return this;
  }

  /** The process ends and starts again with the same ledger. */
  restart(): this {
    this.catalog = this.#make();
    this.catalog.restore(() => true);
    return this;
  }

  /** The process goes on with another config. */
  reconfigure(options: WatchedOptions = this.#options, isOurs: (source: SourceId) => boolean = () => true): this {
    this.#options = options;
    this.catalog = this.#make(this.catalog);
    this.catalog.restore(isOurs);
    return this;
  }

  release(): this {
    this.catalog.release(scopeId(this.scope.scope));
    return this;
  }

  get scope(): ScopeState {
    const [scope] = [...this.catalog.scopes()];
    if (scope === undefined) throw new Error('nothing was said yet');
    return scope;
  }

  /** Ports of the published endpoints of a service, or of its host's where it has a rule. */
  ports(name: string, host = `${name}.test`): readonly number[] {
    return (this.catalog.merged(host as MeshHost)?.endpoints ?? []).map((e) => e.endpoint.port).sort((a, b) => a - b);
  }
}
