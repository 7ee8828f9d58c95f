import { setTimeout as sleep } from 'node:timers/promises';
import { CHECKS, CrossCheck, DEFAULT_OWNERSHIP, Pairs, servicePattern } from '@isthmus/catalog';
import type { RecordOverlay } from '@isthmus/catalog';
import type { CrossCheckConfig } from '@isthmus/config';
import { runInSlices } from '@isthmus/model';
import type { Clock, Ledger, ServiceId, ServiceKey, ServiceRecord, SourceId } from '@isthmus/model';
import type { RegistryCorrector, RegistrySource, Writer } from '@isthmus/registry';
import type { BridgeConfig } from '../engine/bridge-config.ts';
import { ActiveChecks } from './active-checks.ts';
import { Corrections } from './corrections.ts';
import type { CorrectionAudit } from './corrections.ts';

export interface LivenessOptions {
  readonly config: BridgeConfig;
  readonly ledger: Ledger;
  readonly clock: Clock;
  readonly writer: Pick<Writer, 'isWriter' | 'onChange'>;
  readonly audit: (entry: CorrectionAudit) => void;
  /** Write into no registry. */
  readonly dryRun: boolean;
}

/** Before a feed of workloads that failed is started again, and how often held evictions are looked at; ms. */
const RESTART_MS = 5_000;
const CONFIRM_MS = 1_000;

/**
 * What is known of endpoints beside what their registries say: who is behind an address in Kubernetes, what active checks
 * found, and which services are in Kubernetes too. One per config in force; the catalog shows services through it.
 */
export class Liveness implements RecordOverlay {
  readonly crossChecks: readonly CrossCheck[];
  readonly checks: ActiveChecks;
  readonly pairs: Pairs;
  readonly corrections: Corrections;
  readonly #overlays: readonly RecordOverlay[];
  readonly #correctors = new Map<SourceId, RegistryCorrector | undefined>();
  #touch: (services: ReadonlySet<ServiceId>) => void = () => undefined;
  #failed: (source: SourceId, error: unknown) => void = () => undefined;
  #confirming = false;

  constructor(options: LivenessOptions) {
    const { config, clock, ledger } = options;
    this.crossChecks = crossChecksOf(options);
    this.checks = new ActiveChecks({
      rules: config.liveness.checks,
      ledger,
      clock,
      baseDir: config.baseDir,
      isCovered: (address) => this.crossChecks.some((check) => check.covers(address)),
      onChange: (services) => this.#changed(services),
    });
    this.pairs = new Pairs(config.merge.kubernetes.map((rule) => ({ ...rule, matches: servicePattern(rule.services) })));
    this.#overlays = [...this.crossChecks, this.checks, this.pairs];
    this.corrections = new Corrections({
      config: config.liveness.correct && { ...config.liveness.correct, dryRun: config.liveness.correct.dryRun || options.dryRun },
      corrector: (source) => this.#corrector(config, source, clock),
      crossChecks: this.crossChecks,
      ledger,
      writer: options.writer,
      clock,
      audit: options.audit,
    });
  }

  put(id: ServiceId, record: ServiceRecord, dirty: Set<ServiceId>): void {
    for (const overlay of this.#overlays) overlay.put(id, record, dirty);
    this.#afterwards();
  }

  drop(id: ServiceId, dirty: Set<ServiceId>): void {
    for (const overlay of this.#overlays) overlay.drop(id, dirty);
    this.#afterwards();
  }

  view(id: ServiceId, record: ServiceRecord): ServiceRecord | undefined {
    let view: ServiceRecord | undefined = record;
    for (const overlay of this.#overlays) view = view && overlay.view(id, view);
    return view;
  }

  /** A record as its registry lists it, with what is known of who lives, and without what Kubernetes adds. */
  seen(id: ServiceId, record: ServiceRecord): ServiceRecord {
    let view = record;
    for (const check of this.crossChecks) view = check.view(id, view);
    return this.checks.view(id, view);
  }

  /** Lets held evictions, or the findings of checks that are not believed, through. Undefined: nothing is held there. */
  release(scope: string): number | undefined {
    const dirty = new Set<ServiceId>();
    let released: number | undefined;
    if (scope.startsWith(CHECKS)) released = this.checks.verdicts.release(scope, dirty);
    for (const check of this.crossChecks) released ??= check.release(scope, dirty);
    if (released !== undefined) this.#changed(dirty);
    return released;
  }

  /**
   * Follows the clusters and writes corrections until the signal aborts.
   * @param touch services whose view changed
   */
  async run(
    sources: readonly RegistrySource[],
    touch: (services: ReadonlySet<ServiceId>) => void,
    onError: (source: SourceId, error: unknown) => void,
    signal: AbortSignal,
  ): Promise<void> {
    this.#touch = touch;
    this.#failed = onError;
    const feeds = this.crossChecks.map((check) => {
      const source = sources.find(({ id }) => id === check.source);
      return source === undefined ? undefined : this.#follow(check, source, onError, signal);
    });
    await Promise.all([...feeds, this.corrections.run(signal)]);
    this.checks.close();
    for (const corrector of this.#correctors.values()) corrector?.close();
  }

  async #follow(
    check: CrossCheck,
    source: RegistrySource,
    onError: (source: SourceId, error: unknown) => void,
    signal: AbortSignal,
  ): Promise<void> {
    while (!signal.aborted && source.workloads !== undefined) {
      try {
        for await (const event of source.workloads(signal)) {
          const dirty = new Set<ServiceId>();
          await runInSlices(check.applySteps(event, dirty));
          this.#changed(dirty);
        }
        return;
      } catch (error) {
        onError(source.id, error);
        await sleep(RESTART_MS, undefined, { signal, ref: false }).catch(() => undefined);
      }
    }
  }

  #changed(services: ReadonlySet<ServiceId>): void {
    if (services.size > 0) this.#touch(services);
    this.#afterwards();
  }

  #afterwards(): void {
    this.corrections.poke();
    if (this.#confirming || this.crossChecks.every((check) => check.guard.nextConfirmation() === undefined)) return;
    this.#confirming = true;
    setTimeout(() => {
      this.#confirming = false;
      const dirty = new Set<ServiceId>();
      for (const check of this.crossChecks) {
        try {
          check.confirmDue(dirty);
        } catch (error) {
          this.#failed(check.source, error); // the other clusters' go on, and this one is looked at again
        }
      }
      this.#changed(dirty);
    }, CONFIRM_MS).unref();
  }

  #corrector(config: BridgeConfig, source: SourceId, clock: Clock): RegistryCorrector | undefined {
    if (!this.#correctors.has(source)) {
      const entry = config.registries.find(({ id }) => id === source);
      this.#correctors.set(source, entry?.kind.corrector?.(entry.config, { baseDir: config.baseDir, clock }));
    }
    return this.#correctors.get(source);
  }
}

function crossChecksOf({ config, ledger, clock }: LivenessOptions): readonly CrossCheck[] {
  const clusters = new Set(config.registries.filter(({ kind }) => kind.knowsWorkloads === true).map(({ id }) => id));
  const entries = config.liveness.kubernetes ?? (clusters.size === 1 ? [...clusters].map(everything) : []);
  const patterns = entries.map(({ services }) => services.map(servicePattern));
  const clusterOf = (key: ServiceKey) =>
    clusters.has(key.source) ? -1 : patterns.findIndex((tests) => tests.some((test) => test(key)));
  return entries.map(
    (entry, index) =>
      new CrossCheck({
        source: entry.registry,
        matches: (key) => clusterOf(key) === index,
        podCidrs: entry.podCidrs,
        ownership: entry.ownership,
        admit: entry.admit.map(({ services, ...rule }) => {
          const tests = services.map(servicePattern);
          return { ...rule, matches: (key: ServiceKey) => tests.some((test) => test(key)) };
        }),
        guard: config.guard,
        ledger,
        clock,
      }),
  );
}

/** All services, when there is one cluster to ask and nothing is said. */
function everything(registry: SourceId): CrossCheckConfig {
  return { registry, services: ['*'], podCidrs: [], ownership: DEFAULT_OWNERSHIP, admit: [] };
}
