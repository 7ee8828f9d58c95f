import { KeyedQueue, sameRecord, scopeId, scopeOf, serviceId } from '@isthmus/model';
import type { ScopeId, ServiceId, ServiceRecord, SourceEvent } from '@isthmus/model';

/**
 * The queue between a source and its reader. Bounded by the number of services: a newer upsert or removal of a
 * service takes the place of the one that waits, because only the newest state counts. What changed and changed back while
 * it waited is no event: the channel remembers what the reader has (the records themselves, which the reader keeps as well).
 */
export class EventChannel {
  readonly #queue: KeyedQueue<SourceEvent>;
  readonly #told = new Map<ScopeId, Map<ServiceId, ServiceRecord>>();

  constructor() {
    this.#queue = new KeyedQueue((event, hasReplaced) => this.#tell(event, hasReplaced));
  }

  get size(): number {
    return this.#queue.size;
  }

  push(event: SourceEvent): void {
    switch (event.kind) {
      case 'upsert':
        return this.#queue.push(event, serviceId(event.service.key));
      case 'remove':
        return this.#queue.push(event, serviceId(event.key));
      case 'snapshot': // what waits is older and stays before it; what comes now must stay behind it
      case 'status': // an upsert must not move across "stale" or "live"
      case 'diagnostics':
        return this.#queue.push(event);
      default:
        event satisfies never;
    }
  }

  /** Ends when the signal aborts; what waits then is dropped. */
  read(signal: AbortSignal): AsyncGenerator<SourceEvent> {
    return this.#queue.read(signal);
  }

  /** False when the reader knows it. Only what took another's place is compared: sources say equal content once. */
  #tell(event: SourceEvent, hasReplaced: boolean): boolean {
    switch (event.kind) {
      case 'upsert': {
        const { service } = event;
        const known = this.#in(scopeId(scopeOf(service.key)));
        const id = serviceId(service.key);
        if (hasReplaced && sameRecord(known.get(id), service)) return false;
        known.set(id, service);
        return true;
      }
      case 'remove':
        return this.#in(scopeId(scopeOf(event.key))).delete(serviceId(event.key)) || !hasReplaced;
      case 'snapshot': // a copy, so that a record which changes later is not kept
        this.#told.set(scopeId(event.scope), new Map(event.services));
        return true;
      case 'status':
      case 'diagnostics':
        return true;
      default:
        return event satisfies never;
    }
  }

  #in(scope: ScopeId): Map<ServiceId, ServiceRecord> {
    let known = this.#told.get(scope);
    if (known === undefined) this.#told.set(scope, (known = new Map()));
    return known;
  }
}
