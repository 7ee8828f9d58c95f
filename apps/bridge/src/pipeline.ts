import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Catalog } from '@isthmus/catalog';
import { pause, runInSlices } from '@isthmus/model';
import type { MeshHost, SourceEvent, SourceId } from '@isthmus/model';
import type { RegistrySource } from '@isthmus/registry';
import type { ResourceChange, SnapshotStore } from '@isthmus/xds';
import type { McpPublisher } from './pipeline/mcp-publisher.ts';
import type { Pacer } from './pipeline/pacer.ts';
import type { SinkPublisher } from './pipeline/sink-publisher.ts';
import type { XdsPublisher } from './pipeline/xds-publisher.ts';

export interface PipelineParts {
  readonly sources: readonly RegistrySource[];
  readonly catalog: Catalog;
  readonly xds: { readonly publisher: XdsPublisher; readonly store: SnapshotStore };
  /** Undefined: no MCP output. */
  readonly mcp: { readonly publisher: McpPublisher; readonly store: SnapshotStore } | undefined;
  /** Hosts that were translated, for outputs that write when they can. */
  readonly onTouched: (hosts: ReadonlySet<MeshHost>) => void;
  /** The way back: what is written into registries. */
  readonly sinks: SinkPublisher;
  readonly pacer: Pacer;
  /** Called after an event was applied, for readiness and live events. */
  readonly onApplied: () => void;
  /** A source threw: a bug in it, which must cost neither the others nor itself for good. */
  readonly onSourceError: (source: SourceId, error: unknown) => void;
}

/** Before a source that failed is started again. */
const RESTART_MS = 5_000;

/**
 * THE line: registries ──▶ catalog ──▶ translate ──▶ snapshot ──▶ xDS and MCP; and catalog ──▶ registries, the way back.
 *
 * Every stage works per key. A source's event makes hosts dirty; a flush merges and translates just those and commits
 * what changed, in slices that leave the event loop to the streams. A lone change is flushed in the same turn of the
 * loop; in a burst flushes are spaced by what the last one cost, and nothing waits more than 100 ms.
 */
export class Pipeline {
  readonly #parts: PipelineParts;
  readonly #dirty = new Set<MeshHost>();
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
        for await (const event of source.watch(signal)) await this.#take(event);
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
    this.touch(dirty);
    this.#parts.onApplied();
  }

  /** Hosts to merge and translate again: after an event, a release, a confirmation or the restart from the ledger. */
  touch(hosts: Iterable<MeshHost>): void {
    for (const host of hosts) this.#dirty.add(host);
    if (this.#dirty.size > 0) this.#schedule();
  }

  #schedule(): void {
    this.#parts.pacer.request(() => (this.#idle = this.#flush()));
  }

  /** Resolves when everything touched so far is in the snapshots. */
  async settled(): Promise<void> {
    while (this.#dirty.size > 0 || this.#parts.pacer.busy) {
      await nextTurn();
      await this.#idle;
    }
  }

  async #flush(): Promise<void> {
    const { catalog, xds, mcp } = this.#parts;
    const touched = new Set<MeshHost>();
    const changes: ResourceChange[] = [];
    const commit = async (): Promise<void> => {
      xds.store.commit(changes.splice(0));
      if (xds.publisher.routesAreDue) await commitRoutes();
    };
    const commitRoutes = (): Promise<void> =>
      runInSlices(xds.publisher.composeRoutes()).then(() => void xds.store.commit(xds.publisher.routes()));
    await runInSlices(this.#translate(touched, changes), commit);
    if (xds.publisher.hasRoutes) await commitRoutes();
    this.#parts.onTouched(touched);
    if (mcp === undefined) return;
    // istiod takes a whole type at a time and waits 100 ms itself: its turn comes after the proxies'.
    await runInSlices(
      mcp.publisher.publish(touched, (host) => catalog.merged(host)),
      () => void mcp.store.commit(mcp.publisher.changes()),
    );
  }

  *#translate(touched: Set<MeshHost>, changes: ResourceChange[]): Generator<void> {
    const { catalog, xds, sinks } = this.#parts;
    for (const host of this.#dirty) {
      this.#dirty.delete(host);
      touched.add(host);
      const service = catalog.merged(host);
      changes.push(...xds.publisher.publish(host, service));
      sinks.publish(host, service);
      yield;
    }
  }
}
