import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import type { Catalog } from '@isthmus/catalog';
import { pause, runInSlices } from '@isthmus/model';
import type { MeshHost, MeshService, SourceEvent, SourceId } from '@isthmus/model';
import type { RegistrySource } from '@isthmus/registry';
import type { ObjectChange } from '@isthmus/policy';
import type { SnapshotStore } from '@isthmus/xds';
import type { Callers } from './mesh/callers.ts';
import type { MeshPublisher } from './mesh/mesh-publisher.ts';
import type { McpPublisher } from './pipeline/mcp-publisher.ts';
import type { Pacer } from './pipeline/pacer.ts';
import type { SinkPublisher } from './pipeline/sink-publisher.ts';

export interface PipelineParts {
  readonly sources: readonly RegistrySource[];
  readonly catalog: Catalog;
  /** What proxies are served: services and Istio's rules, translated for each group of them. */
  readonly mesh: MeshPublisher;
  /** Undefined: no MCP output. */
  readonly mcp:
    | { readonly publisher: McpPublisher; readonly store: SnapshotStore; readonly callers: (host: MeshHost) => Callers }
    | undefined;
  /** Hosts that were translated, for outputs that write when they can. */
  readonly onTouched: (hosts: ReadonlySet<MeshHost>) => void;
  /** The way back: what is written into registries. */
  readonly sinks: SinkPublisher;
  readonly pacer: Pacer;
  /** Called after an event was applied, for readiness and live events. */
  readonly onApplied: () => void;
  /** A source threw: a bug in it, which must cost neither the others nor itself for good. */
  readonly onSourceError: (source: SourceId, error: unknown) => void;
  /** What proxies are served of a host, or with '' of all that is dirty, could not be made: a bug. */
  readonly onFailed: (host: string, error: unknown) => void;
  /** It could. */
  readonly onWorked: (host: string) => void;
}

/** Before a source that failed is started again. */
const RESTART_MS = 5_000;

/** Before a flush that failed as a whole is tried again, when nothing else asks for one. */
const FLUSH_AGAIN_MS = 1_000;

/** Events that wait are taken one after the other for at most as long as a slice of one event may take. */
const TURN_MS = 5;

/** Services of a flush that are kept as they were merged for the proxies, for istiod's turn; a large flush merges again. */
const KEPT_SERVICES = 500;

/**
 * THE line: registries ──▶ catalog ──▶ policy ──▶ translate ──▶ snapshot ──▶ xDS and MCP; and catalog ──▶ registries, the way back.
 *
 * - `#follow`, `#take`: what a source says goes into the catalog (libs/catalog), which answers which hosts are dirty now;
 * - `#translate`: Istio's rules that changed, and each dirty host merged, go to `mesh/`, where policy says who sees what of
 *   them (libs/policy) and makes resources of it (libs/translate); merged hosts go to the sinks as well;
 * - `#flush`: the mesh commits what changed to the snapshots that streams are fed from (libs/xds); then it is istiod's turn.
 *
 * Every stage works per key: a flush merges and translates just the dirty hosts, in slices that leave the event loop to the
 * streams. A lone change is flushed at once; in a burst a flush begins when the loop has rested for as long as the last one and
 * the answers to it took, 20 ms at most (`Pacer`).
 */
export class Pipeline {
  readonly #parts: PipelineParts;
  #dirty = new Set<MeshHost>();
  #idle: Promise<void> = Promise.resolve();

  constructor(parts: PipelineParts) {
    this.#parts = parts;
  }

  /** Follows every source until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    this.#schedule(); // the empty route too is published: a caller then gets its 502 instead of a listener that waits
    await Promise.all(this.#parts.sources.map((source) => this.#follow(source, signal)));
  }

  async #follow(source: RegistrySource, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        let turnEnds = performance.now() + TURN_MS;
        for await (const event of source.watch(signal)) {
          await this.#take(event);
          if (performance.now() < turnEnds) continue;
          await nextTurn();
          turnEnds = performance.now() + TURN_MS;
        }
        return;
      } catch (error) {
        this.#parts.onSourceError(source.id, error);
        await pause(RESTART_MS, signal);
      }
    }
  }

  async #take(event: SourceEvent): Promise<void> {
    const dirty = new Set<MeshHost>();
    await runInSlices(this.#parts.catalog.applySteps(event, dirty));
    // Of 10,000 services copying the names alone is 10 ms; a flush that is at the end of the old set is asked for again.
    if (this.#dirty.size === 0) this.#dirty = dirty;
    this.touch(this.#dirty === dirty ? [] : dirty);
    this.#parts.onApplied();
  }

  /** Hosts to merge and translate again: after an event, a release, a confirmation or the restart from the ledger. */
  touch(hosts: Iterable<MeshHost>): void {
    for (const host of hosts) this.#dirty.add(host);
    if (this.#dirty.size > 0) this.#schedule();
  }

  /** Istio's objects that came, changed or went. */
  takeRules(changes: Iterable<ObjectChange>): void {
    this.#parts.mesh.queueRules(changes);
    this.#schedule();
  }

  #schedule(): void {
    this.#parts.pacer.request(() => {
      const flushed = this.#flush();
      this.#idle = flushed.then(
        () => this.#parts.onWorked(''),
        (error: unknown) => this.#flushFailed(error),
      );
      return flushed.catch(() => undefined);
    });
  }

  /** What is dirty waits, and who waits for it too: in a loop without a pause nobody else would get a turn. */
  async #flushFailed(error: unknown): Promise<void> {
    this.#parts.onFailed('', error);
    await sleep(FLUSH_AGAIN_MS, undefined, { ref: false });
    if (this.#dirty.size > 0) this.#schedule();
  }

  /** Resolves when everything touched so far is in the snapshots. */
  async settled(): Promise<void> {
    while (this.#dirty.size > 0 || this.#parts.pacer.busy) {
      await nextTurn();
      await this.#idle;
    }
  }

  /** Does that when it is; what fails of it is told as what fails of a flush. */
  whenSettled(then: () => void): void {
    this.settled()
      .then(then)
      .catch((error: unknown) => this.#parts.onFailed('', error));
  }

  async #flush(): Promise<void> {
    const { catalog, mesh, mcp } = this.#parts;
    const touched = new Set<MeshHost>();
    const kept = new Map<MeshHost, MeshService | undefined>();
    const commit = async (): Promise<void> => {
      mesh.commit();
      if (mesh.routesAreDue) await runInSlices(mesh.composeRoutes());
    };
    await runInSlices(this.#translate(touched, kept), commit);
    if (mesh.hasRoutes) await runInSlices(mesh.composeRoutes());
    for (const host of mesh.takeCallers()) touched.add(host);
    this.#parts.onTouched(touched);
    if (mcp === undefined) return;
    // istiod takes a whole type at a time and waits 100 ms itself: its turn comes after the proxies'.
    await runInSlices(
      mcp.publisher.publish(touched, (host) => (kept.has(host) ? kept.get(host) : catalog.merged(host)), mcp.callers),
      () => void mcp.store.commit(mcp.publisher.changes()),
    );
  }

  *#translate(touched: Set<MeshHost>, kept: Map<MeshHost, MeshService | undefined>): Generator<void> {
    const { catalog, mesh, sinks } = this.#parts;
    yield* mesh.applyRules();
    for (const host of this.#dirty) {
      this.#dirty.delete(host);
      touched.add(host);
      try {
        const service = catalog.merged(host);
        if (kept.size < KEPT_SERVICES) kept.set(host, service);
        mesh.publish(host, service);
        sinks.publish(host, service);
        this.#parts.onWorked(host);
      } catch (error) {
        // Thrown on, all that is dirty after it would wait. The other outputs leave it as it is, too: they would merge it again.
        touched.delete(host);
        kept.delete(host);
        this.#parts.onFailed(host, error);
      }
      yield;
    }
  }
}
