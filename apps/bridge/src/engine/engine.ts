import type { Catalog } from '@isthmus/catalog';
import { runInSlices } from '@isthmus/model';
import type { Diagnostic, MeshHost, SourceId } from '@isthmus/model';
import { SharedLedger } from '@isthmus/ledger';
import type { LocalLedger } from '@isthmus/ledger';
import { guardImports } from '@isthmus/registry';
import { SnapshotStore } from '@isthmus/xds';
import { MCP_TYPES } from '@isthmus/translate';
import { IstioRules } from '../istio/istio-rules.ts';
import { followBook } from '../mesh/book-positions.ts';
import { meshTimeout } from '../mesh/mesh-timeout.ts';
import { openMesh } from '../mesh/open-mesh.ts';
import type { Mesh } from '../mesh/open-mesh.ts';
import { Pipeline } from '../pipeline.ts';
import { McpPublisher } from '../pipeline/mcp-publisher.ts';
import { Pacer } from '../pipeline/pacer.ts';
import type { Liveness } from '../liveness/liveness.ts';
import type { BridgeConfig } from './bridge-config.ts';
import { PlanDesk } from '../plans/plan-desk.ts';
import { ConfigNotes } from './config-notes.ts';
import { Confirmation } from './confirmation.ts';
import { makeCatalog, makeLiveness, makeSinks, makeSources, sourceIds } from './engine-parts.ts';
import type { PartsOptions } from './engine-parts.ts';
import type { EngineOptions } from './engine-options.ts';
import { Readiness } from './readiness.ts';
import { Replicas } from './replicas.ts';
import { needsRestart, withoutRestart } from './needs-restart.ts';
import { ObjectOutputs } from './object-outputs.ts';
import { callersFor, mcpParts } from './publish-callers.ts';
import { Faults } from './faults.ts';
import { completeSources } from './sinks.ts';
import type { Sinks } from './sinks.ts';

/**
 * The adapter's lifetime: the pipeline of the config in force, on stores that outlive it. A changed config gets a new
 * catalog and new sources, which start from the ledger: nothing is removed before the registries have been read again.
 */
export class Engine {
  readonly istio: IstioRules;
  /** What is served outlives a change of the config, as Istio's objects do. */
  readonly mesh: Mesh;
  readonly mcp = new SnapshotStore(MCP_TYPES);
  readonly readiness: Readiness;
  readonly #ledger: LocalLedger;
  /** Undefined: one replica. */
  readonly replicas: Replicas | undefined;
  readonly publishers = { mcp: new McpPublisher() };
  readonly #listeners = new Set<() => void>();
  readonly #options: EngineOptions;
  readonly #started: BridgeConfig; // what is bound once is as in this one
  #config: BridgeConfig;
  #catalog: Catalog;
  #liveness: Liveness;
  #pipeline: Pipeline | undefined;
  #sinks: Sinks;
  /** Migration plans; outlive a change of the config, as agents do. */
  readonly plans: PlanDesk;
  readonly objects: ObjectOutputs;
  #stop = new AbortController();
  #running: Promise<void> = Promise.resolve();
  /** Of files and Kubernetes, which outlive a change of the config. */
  readonly #stopWriting = new AbortController();
  #writing: Promise<void> = Promise.resolve();
  #following: Promise<void> = Promise.resolve();
  #changing: Promise<unknown> = Promise.resolve();
  #stopped = false;
  readonly #confirmation = new Confirmation(
    () => this.#confirm(),
    (error) => this.faults.failed('removals', '', error),
  );
  readonly #notes = new ConfigNotes();
  /** Bugs that cost one thing and not the process. */
  readonly faults: Faults;

  constructor(config: BridgeConfig, ledger: LocalLedger, options: EngineOptions = {}) {
    this.#options = options;
    this.faults = new Faults(options.onFault);
    this.#started = config;
    this.#config = config;
    this.#ledger = ledger;
    this.istio = new IstioRules(config, ledger);
    this.mesh = openMesh(this.istio.mesh);
    this.#liveness = makeLiveness(this.#parts);
    this.#catalog = makeCatalog(this.#parts, this.#liveness);
    this.replicas = ledger instanceof SharedLedger ? this.#makeReplicas(ledger) : undefined;
    this.#sinks = makeSinks(this.#parts, this.#catalog, this.replicas);
    this.objects = new ObjectOutputs({
      ...{ config, cluster: options.cluster, merged: (host) => this.#catalog.merged(host) },
      writer: options.writer ?? this.replicas?.writerOf(config),
      callers: callersFor(this.mesh.publisher, () => this.#config, false),
    });
    this.plans = new PlanDesk({
      ...{ ledger, config: () => this.#config, catalog: () => this.#catalog },
      timeoutOf: (host) => meshTimeout(this.mesh.publisher, host),
      ...options.plans,
    });
    followBook(this.plans.book, (positions) => {
      this.mesh.publisher.queuePositions(positions);
      this.#pipeline?.takeRules([]);
    });
    this.readiness = new Readiness(new Set(sourceIds(this.#config, this.istio)), config.readiness.maxWaitMs);
  }

  get config(): BridgeConfig {
    return this.#config;
  }

  get catalog(): Catalog {
    return this.#catalog;
  }

  get liveness(): Liveness {
    return this.#liveness;
  }

  get sinks(): Sinks {
    return this.#sinks;
  }

  get xds(): SnapshotStore {
    return this.mesh.publisher.store;
  }

  get ledger(): LocalLedger {
    return this.#ledger;
  }

  /** What is wrong with the bridge itself: its ledger, a config change that cannot be used, Istio's objects. */
  get diagnostics(): readonly Diagnostic[] {
    return [
      ...this.#ledger.diagnostics,
      ...this.#notes.all,
      ...this.faults.all,
      ...this.istio.store.diagnostics(),
      ...this.istio.registration.diagnostics(),
      ...this.mesh.publisher.diagnostics(),
      ...this.plans.diagnostics(),
    ];
  }

  /** Called after what a registry said was applied. Must not throw. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  start(): void {
    if (this.#options.dryRun !== true) this.#writing = this.objects.run(this.#stopWriting.signal);
    this.istio.store.onChange((changes) => {
      this.#pipeline?.takeRules(changes);
      this.#tell();
    });
    this.#startPipeline([]);
    void this.istio.loaded.then(() => {
      this.readiness.rulesWereRead();
      this.#pipeline?.takeRules(this.mesh.publisher.rulesWereRead());
      if (this.#pipeline !== undefined) this.#applied(this.#pipeline);
    });
    const { signal } = this.#stopWriting;
    this.#following = Promise.all([this.istio.run(signal), this.plans.run(signal)]).then(() => undefined);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.readiness.close();
    await this.#changing;
    await this.#confirmation.close();
    this.#stop.abort();
    await this.#running;
    this.istio.registration.close();
    this.#stopWriting.abort();
    await Promise.all([this.#writing, this.#following]);
    this.#options.cluster?.close();
    this.replicas?.close();
    await this.#ledger.close();
  }

  /**
   * A config that changed on disk and is valid. What is bound at the start keeps its old value, and says so.
   * @returns whether it is in force now
   */
  reconfigure(config: BridgeConfig): Promise<boolean> {
    // One after the other: two changes in a row must not leave two pipelines behind.
    const changing = this.#confirmation.between(() => this.#reconfigure(config));
    this.#changing = changing.catch(() => undefined); // who asked for it hears of it
    return changing;
  }

  async #reconfigure(changed: BridgeConfig): Promise<boolean> {
    if (this.#stopped) return false;
    const [config, catalog, liveness, sinks] = [this.#config, this.#catalog, this.#liveness, this.#sinks];
    const hosts = [...catalog.hosts()];
    this.#stop.abort();
    await this.#running;
    try {
      this.#use(withoutRestart(this.#started, changed), hosts);
      this.#notes.replace(needsRestart(this.#started, changed));
      this.faults.worked('config', '');
      return true;
    } catch (error) {
      this.faults.failed('config', '', error);
      this.#stop.abort();
      await this.#running;
      [this.#catalog, this.#liveness, this.#sinks] = [catalog, liveness, sinks];
      this.#use(config, hosts); // fails this too, the process ends: a bridge that follows nothing would look alive
      return false;
    }
  }

  #use(config: BridgeConfig, hosts: readonly MeshHost[]): void {
    this.objects.reconfigure(config);
    this.istio.reconfigure(config, this.mesh.publisher);
    this.#config = config;
    this.#liveness = makeLiveness(this.#parts);
    this.#catalog = makeCatalog(this.#parts, this.#liveness, this.#catalog);
    this.#sinks = makeSinks(this.#parts, this.#catalog, this.replicas, this.#sinks);
    this.#startPipeline(hosts);
  }

  /** A config that changed on disk and is not valid: the last good one stays. */
  rejectConfig(diagnostics: readonly Diagnostic[]): void {
    this.#notes.replace(diagnostics);
    this.#tell();
  }

  /** Lets a held removal through; undefined when nothing is held in that scope. @throws NotLeader */
  async release(scope: string): Promise<number | undefined> {
    const evicted = this.#liveness.release(scope);
    if (evicted !== undefined) return evicted;
    if (this.replicas !== undefined) return this.replicas.release(scope);
    const result = this.#catalog.release(scope);
    if (result === undefined) return undefined;
    this.#pipeline?.touch(result.dirty);
    this.#tell();
    return result.released;
  }

  get #parts(): PartsOptions {
    const { writer, dryRun = false, audit = () => undefined } = this.#options;
    return { config: this.#config, ledger: this.#ledger, writer, dryRun, audit };
  }

  #makeReplicas(ledger: SharedLedger): Replicas {
    const touch = (hosts: Iterable<MeshHost>): void => {
      this.#pipeline?.touch(hosts);
      if (this.#pipeline !== undefined) this.#applied(this.#pipeline);
    };
    return new Replicas(ledger, {
      catalog: () => this.#catalog,
      touch,
      letGo: () => this.#confirmation.now(),
      changed: () => this.#tell(),
      failed: (what, error) => this.faults.failed('replica', what, error),
      worked: (what) => this.faults.worked('replica', what),
    });
  }

  #startPipeline(alsoTouch: readonly MeshHost[]): void {
    const { meshId, imports } = this.#config;
    this.#stop = new AbortController();
    const names = new Set(sourceIds(this.#config, this.istio));
    const restored = this.#catalog.restore((source) => names.has(source));
    const sources = [...makeSources(this.#config, this.#catalog, this.#options.onMessage), ...this.istio.sources({ meshId })];
    const pipeline = new Pipeline({
      sources: sources.map((source) => guardImports(source, { meshId, leaveOut: imports.leaveOut })),
      catalog: this.#catalog,
      mesh: this.mesh.publisher,
      mcp: mcpParts(this),
      onTouched: (hosts) => {
        this.objects.touch(hosts);
        this.plans.plans.touch(hosts);
        this.#options.touched?.(hosts);
      },
      sinks: this.#sinks.publisher,
      pacer: new Pacer(),
      onApplied: () => this.#applied(pipeline),
      onSourceError: (source, error) => this.#sourceFailed(source, error),
      onFailed: (host, error) => this.faults.failed('publish', host, error),
      onWorked: (host) => this.faults.worked('publish', host),
    });
    this.#pipeline = pipeline;
    pipeline.touch([...restored, ...alsoTouch]);
    const writing = this.#options.dryRun === true ? undefined : this.#sinks.run(this.#stop.signal);
    const living = this.#liveness.run(
      sources,
      (services) => {
        pipeline.touch(this.#catalog.hostsOf(services));
        this.#applied(pipeline);
      },
      (source, error) => this.#sourceFailed(source, error),
      this.#stop.signal,
    );
    this.#running = Promise.all([pipeline.run(this.#stop.signal), writing, living]).then(() => undefined);
    this.#applied(pipeline);
  }

  #applied(pipeline: Pipeline): void {
    this.#tell();
    // Only then: a reading that is half applied while the pipeline has nothing to do is not complete.
    if (this.readiness.state === 'waiting' && this.readiness.isComplete(this.#catalog.scopes())) {
      pipeline.whenSettled(() => {
        if ((this.replicas?.withheld ?? 0) === 0) this.readiness.check(this.#catalog.scopes());
      });
    }
    const { sinks } = this;
    if (sinks.isNews(this.#catalog.scopes())) {
      const complete = completeSources(this.#catalog.scopes());
      pipeline.whenSettled(() => sinks.takeComplete(complete));
    }
    if (this.objects.waits) pipeline.whenSettled(() => this.#openGate(pipeline));
    this.replicas?.settleHeld();
    if (this.#catalog.waits || sinks.publisher.idle.waits) this.#confirmation.wanted();
  }

  /** Everything that was applied is written or waits to be. */
  #openGate(pipeline: Pipeline): void {
    if (pipeline !== this.#pipeline || (this.replicas?.withheld ?? 0) > 0) return;
    this.objects.takeComplete(sourceIds(this.#config, this.istio), this.#catalog.scopes());
  }

  async #confirm(): Promise<void> {
    const dirty = new Set<MeshHost>();
    await this.faults.each('removals', (failed) => runInSlices(this.#catalog.confirmSteps(dirty, failed)));
    if (this.#pipeline === undefined) return;
    this.#pipeline.touch([...dirty, ...this.#sinks.publisher.idle.due()]);
    this.#applied(this.#pipeline);
  }

  /** The others go on, and it is started again. */
  #sourceFailed(source: SourceId, error: unknown): void {
    this.#notes.sourceFailed(source, error);
    this.#tell();
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}
