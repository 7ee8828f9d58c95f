import { serviceId } from '@isthmus/model';
import type { ServiceId, SourceEvent } from '@isthmus/model';

/**
 * The queue between a source and its reader. Bounded by the number of services: a newer upsert or removal of a
 * service takes the place of the one that waits, because only the newest state counts.
 */
export class EventChannel {
  #queue: SourceEvent[] = [];
  #pending = new Map<ServiceId, number>();
  #wake: (() => void) | undefined;

  get size(): number {
    return this.#queue.length;
  }

  push(event: SourceEvent): void {
    switch (event.kind) {
      case 'upsert':
        this.#replaceOrAppend(serviceId(event.service.key), event);
        break;
      case 'remove':
        this.#replaceOrAppend(serviceId(event.key), event);
        break;
      case 'snapshot': // what waits is older and stays before it; what comes now must stay behind it
      case 'status': // an upsert must not move across "stale" or "live"
      case 'diagnostics':
        this.#pending.clear();
        this.#queue.push(event);
        break;
      default:
        event satisfies never;
    }
    this.#wake?.();
  }

  #replaceOrAppend(id: ServiceId, event: SourceEvent): void {
    const at = this.#pending.get(id);
    if (at !== undefined) {
      this.#queue[at] = event;
      return;
    }
    this.#pending.set(id, this.#queue.length);
    this.#queue.push(event);
  }

  /** Ends when the signal aborts; what waits then is dropped. */
  async *read(signal: AbortSignal): AsyncGenerator<SourceEvent> {
    const wake = () => this.#wake?.();
    signal.addEventListener('abort', wake);
    try {
      while (!signal.aborted) {
        if (this.#queue.length === 0) {
          await new Promise<void>((resolve) => (this.#wake = resolve));
          this.#wake = undefined;
          continue;
        }
        const batch = this.#queue;
        this.#queue = [];
        this.#pending.clear();
        for (const event of batch) {
          if (signal.aborted) return;
          yield event;
        }
      }
    } finally {
      signal.removeEventListener('abort', wake);
    }
  }
}
