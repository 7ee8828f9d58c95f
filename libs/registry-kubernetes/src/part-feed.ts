import { serviceId } from '@isthmus/model';
import type { Diagnostic, SourceEvent, SourceStatus } from '@isthmus/model';
import type { InformerEvent, InformerStatus } from '@isthmus/kube';
import { scopeDiagnostic } from '@isthmus/registry';
import { isSettled } from './informers.ts';
import type { Informers, Part } from './informers.ts';
import { sameContent } from './kept.ts';
import type { KeptSlice } from './kept.ts';
import { keyOf, recordOf } from './record.ts';
import type { RecordRules, Surroundings } from './record.ts';
import { ScopeBook } from './scope-book.ts';
import { SliceIndex } from './slice-index.ts';
import { Turn } from './turn.ts';

/** Work between two turns of the event loop, milliseconds. */
const SLICE_MS = 5;

export interface PartFeedOptions {
  readonly part: Part;
  readonly nodes: Informers['nodes'];
  readonly rules: RecordRules;
  readonly emit: (event: SourceEvent) => void;
  /** Namespaces that an earlier run has told of: those that are gone by now have to be told empty. */
  readonly knownNamespaces: () => Iterable<string>;
  /** A bug: the feed has stopped. */
  readonly onError: (error: unknown) => void;
}

/**
 * From the watches of a part of the cluster to the events of its namespaces. A change of a slice, a Service or a Pod makes
 * the Services dirty that it concerns, nearly always one, and only those are worked out again.
 */
export class PartFeed {
  readonly #options: PartFeedOptions;
  readonly #book: ScopeBook;
  #slices = new SliceIndex();
  /** The slices were listed anew: index them before anything else. */
  #unindexed = true;
  readonly #around: Surroundings;
  readonly #dirty = new Set<string>();
  readonly #changed = new Set<string>();
  readonly #leave: (() => Promise<void>)[] = [];
  #live = false;
  /** Until everything dirty is worked out nothing is told one by one, and then a complete read. */
  #whole = true;
  #pumping = false;
  #stopped = false;

  constructor(options: PartFeedOptions) {
    const { part, nodes, rules, emit } = options;
    this.#options = options;
    this.#book = new ScopeBook(rules.source, emit);
    this.#around = {
      pod: (id) => part.pods?.objects.get(id),
      node: (name) => nodes.objects.get(name),
    };
  }

  start(): void {
    const { part, nodes } = this.#options;
    this.#book.open(part.namespace);
    this.#leave.push(
      part.services.listen((event) => this.#onService(event)),
      part.slices.listen((event) => this.#onSlice(event)),
      nodes.listen((event) => this.#onAround(event, (node) => this.#slices.servicesOnNode(node))),
    );
    if (part.pods !== undefined) {
      this.#leave.push(part.pods.listen((event) => this.#onAround(event, (pod) => this.#slices.servicesOfPod(pod))));
    }
    this.#everything();
    this.#onStatus();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#leave.map((leave) => leave()));
  }

  #onService(event: InformerEvent<unknown>): void {
    if (event.kind === 'status') return this.#onStatus();
    if (event.kind === 'snapshot') this.#everything();
    else this.#dirty.add(event.key);
    this.#pump();
  }

  #onSlice(event: InformerEvent<KeptSlice>): void {
    switch (event.kind) {
      case 'status':
        return this.#onStatus();
      case 'snapshot':
        this.#unindexed = true;
        this.#everything();
        break;
      case 'upsert':
        for (const service of this.#slices.put(event.key, event.object)) this.#dirty.add(service);
        break;
      case 'remove': {
        const service = this.#slices.remove(event.key);
        if (service !== undefined) this.#dirty.add(service);
        break;
      }
      default:
        event satisfies never;
    }
    this.#pump();
  }

  /** Pods and nodes change what is said of endpoints, never which there are. */
  #onAround(event: InformerEvent<unknown>, concerned: (key: string) => Iterable<string>): void {
    if (event.kind === 'status') return this.#onStatus();
    const services = event.kind === 'snapshot' ? this.#slices.services() : concerned(event.key);
    for (const service of services) this.#dirty.add(service);
    this.#pump();
  }

  #onStatus(): void {
    const { part } = this.#options;
    this.#sayProblems();
    const lost = [part.services.status, part.slices.status].find((status) => status.state === 'stale');
    if (lost !== undefined) {
      this.#live = false;
      this.#whole = true;
      this.#sayAll(statusOf(lost));
    } else if (!this.#live && this.#isReady) {
      this.#everything();
      this.#pump();
    }
  }

  get #isReady(): boolean {
    const { part, nodes } = this.#options;
    // Endpoints are not told without their labels only because the Pods came later.
    const settled = isSettled(nodes.status) && (part.pods === undefined || isSettled(part.pods.status));
    return part.services.status.state === 'live' && part.slices.status.state === 'live' && settled;
  }

  #everything(): void {
    this.#whole = true;
    for (const key of this.#options.part.services.objects.keys()) this.#dirty.add(key);
    for (const namespace of this.#book.namespaces()) for (const key of this.#book.names(namespace)) this.#dirty.add(key);
  }

  /** In the turn of the event that made it dirty, as long as that is short. */
  #pump(): void {
    if (this.#pumping || !this.#isReady) return;
    this.#work().catch((error: unknown) => {
      this.#stopped = true;
      this.#options.onError(error);
    });
  }

  async #work(): Promise<void> {
    this.#pumping = true;
    try {
      const turn = new Turn(SLICE_MS);
      do {
        await this.#index(turn);
        for (const key of this.#dirty) {
          if (this.#stopped || this.#unindexed) break;
          this.#dirty.delete(key);
          this.#update(key);
          if (turn.isOver) await turn.next();
        }
        if (this.#stopped) return;
        if (this.#unindexed) continue;
        if (this.#whole) this.#sayWhole();
        for (const namespace of this.#changed) this.#book.tellDiagnostics(namespace);
        this.#changed.clear();
      } while (this.#dirty.size > 0 || this.#unindexed);
    } finally {
      this.#pumping = false;
    }
  }

  /** What changes meanwhile is put into the new index too: the objects are walked while they are kept up to date. */
  async #index(turn: Turn): Promise<void> {
    while (this.#unindexed && !this.#stopped) {
      this.#unindexed = false;
      this.#slices = new SliceIndex();
      for (const [key, slice] of this.#options.part.slices.objects) {
        this.#slices.put(key, slice);
        if (!turn.isOver) continue;
        await turn.next();
        if (this.#unindexed) break;
      }
    }
  }

  #update(key: string): void {
    const { part, rules } = this.#options;
    const service = part.services.objects.get(key);
    const [namespace = '', name = ''] = key.split('/');
    const id = serviceId(keyOf(rules.source, { namespace, name }));
    const result = service === undefined ? undefined : recordOf(service, this.#slices.of(key), this.#around, rules);
    const isNew = !this.#book.has(namespace);
    if (result === undefined && isNew) return;
    const telling = this.#live && !this.#whole;
    if (this.#book.reject(namespace, key, result !== undefined && 'rejected' in result ? result.rejected : undefined)) {
      this.#changed.add(namespace);
    }
    const next = result !== undefined && 'record' in result ? result.record : undefined;
    const before = this.#book.record(namespace, id);
    if (before === undefined ? next !== undefined : next === undefined || !sameContent(before, next)) {
      this.#changed.add(namespace);
      if (!telling || isNew) this.#book.note(next, namespace, id);
      else if (next !== undefined) this.#book.tell(next);
      else if (before !== undefined) this.#book.tellRemoved(before);
    }
    if (!telling || !isNew) return;
    this.#book.tellWhole(namespace); // the first Service of its namespace
    this.#book.status(namespace, { state: 'live' });
  }

  /** All that is dirty is worked out: what there is now is what the cluster has, if it could be read. */
  #sayWhole(): void {
    const { part, knownNamespaces } = this.#options;
    if (!this.#isReady) return;
    const wasLive = this.#live;
    this.#live = true;
    this.#whole = false;
    if (part.namespace === '' && !wasLive) for (const namespace of knownNamespaces()) this.#book.open(namespace);
    for (const namespace of this.#book.namespaces()) {
      if (wasLive && !this.#changed.has(namespace)) continue;
      this.#book.tellWhole(namespace);
      this.#book.status(namespace, { state: 'live' });
    }
  }

  #sayAll(status: SourceStatus): void {
    for (const namespace of this.#book.namespaces()) this.#book.status(namespace, status);
  }

  #sayProblems(): void {
    const { part, nodes, rules } = this.#options;
    const problems: Diagnostic[] = [];
    const where = `${rules.source}/${part.namespace === '' ? '' : part.namespace}`;
    // Lost together with the services they are no news.
    if (part.services.status.state !== 'stale') {
      const lost = (status: InformerStatus | undefined, what: string, meaning: string, severity: 'warning' | 'info') => {
        if (status?.state !== 'stale') return;
        const { message, remedy = '' } = status.error;
        problems.push(
          scopeDiagnostic(where, 'registry.partial', `${what} cannot be read: ${message}`, meaning, remedy, severity),
        );
      };
      lost(part.pods?.status, 'Pods', 'endpoints have no labels and no identity, or those last known', 'warning');
      lost(nodes.status, 'Nodes', 'localities have no region, and only the zones that slices name', 'info');
    }
    this.#book.problems(part.namespace, problems);
  }
}

function statusOf(lost: Extract<InformerStatus, { readonly state: 'stale' }>): SourceStatus {
  return { state: 'stale', since: lost.since, cause: lost.error.line };
}
