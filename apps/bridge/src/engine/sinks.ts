import { createHash } from 'node:crypto';
import { hostname } from 'node:os';
import type { ScopeState } from '@isthmus/catalog';
import type { Clock, Ledger, ServiceId, SourceId } from '@isthmus/model';
import { LeaseSink, alwaysWriter, writtenPublications } from '@isthmus/registry';
import type { RegistrySink, Writer } from '@isthmus/registry';
import { publishRule } from '../pipeline/publication.ts';
import { SinkPublisher } from '../pipeline/sink-publisher.ts';
import type { BridgeConfig } from './bridge-config.ts';

export interface SinksParts {
  readonly config: BridgeConfig;
  readonly ledger: Ledger;
  readonly clock: Clock;
  /** Undefined: one replica, which always writes. */
  readonly writer: Writer | undefined;
  /** Whether what is known of these services is what their registries say now. */
  readonly isFollowed: (services: readonly ServiceId[]) => boolean;
  /** Those of the config before this one. */
  readonly before?: Sinks | undefined;
}

/**
 * The registries that services are published into, for as long as one config is in force. A registry that is published into
 * no more is a sink without wishes until the ledger knows nothing of it: what was written is withdrawn, not forgotten.
 */
export class Sinks {
  readonly publisher: SinkPublisher;
  readonly #sinks: ReadonlyMap<SourceId, RegistrySink>;
  readonly #complete = new Set<SourceId>();
  readonly #configured: ReadonlySet<SourceId>;

  constructor({ config, ledger, clock, writer = alwaysWriter(ownerOf(config)), isFollowed, before }: SinksParts) {
    this.#configured = new Set(config.registries.map((r) => r.id));
    const wanted = new Set(config.publish.map((entry) => entry.to));
    const sinks = config.registries.flatMap(({ id, kind, config: registry }): readonly [SourceId, RegistrySink][] => {
      const needed = wanted.has(id) || writtenPublications(ledger, id).length > 0;
      if (kind.sink === undefined || !needed) return [];
      const wire = kind.sink.wire(registry, { clock, baseDir: config.baseDir, meshId: config.meshId });
      const { meshId } = config;
      const isComplete = (source: SourceId) => this.#complete.has(source) || !this.#configured.has(source);
      return [[id, new LeaseSink(id, wire, { clock, random: Math.random, meshId, writer, ledger, isComplete })]];
    });
    this.#sinks = new Map(sinks);
    const { flap } = config.guard;
    this.publisher = new SinkPublisher(config.publish.map(publishRule), this.#sinks, {
      ...{ clock, flap, isFollowed },
      before: before?.publisher.idle,
    });
  }

  get all(): readonly RegistrySink[] {
    return [...this.#sinks.values()];
  }

  /** Writes until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    await Promise.all(this.all.map((sink) => sink.run(signal)));
  }

  /** Some source has been read completely that had not been before; see `takeComplete`. */
  isNews(scopes: Iterable<ScopeState>): boolean {
    return this.#sinks.size > 0 && completeSources(scopes).some((source) => !this.#complete.has(source));
  }

  /** Call it when everything applied so far has been published: from then on what these sources dropped may be withdrawn. */
  takeComplete(sources: readonly SourceId[]): void {
    for (const source of sources) this.#complete.add(source);
    for (const sink of this.all) sink.gateChanged();
  }
}

/** Sources of which every known scope has been read completely in this process. */
export function completeSources(scopes: Iterable<ScopeState>): readonly SourceId[] {
  const complete = new Map<SourceId, boolean>();
  for (const { scope, lastSync } of scopes)
    complete.set(scope.source, lastSync !== undefined && complete.get(scope.source) !== false);
  return [...complete].filter(([, done]) => done).map(([source]) => source);
}

/** The same over restarts, another one for every bridge of a mesh: the machine and the ledger, which one process at a time has. */
function ownerOf({ ledger }: BridgeConfig): string {
  return `${hostname()
    .replace(/[^a-zA-Z0-9-]+/g, '-')
    .slice(0, 40)}-${createHash('sha256').update(ledger.file).digest('hex').slice(0, 8)}`;
}
