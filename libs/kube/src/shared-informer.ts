import { inform } from './informer.ts';
import type { InformerEvent, InformerOptions, InformerStatus } from './informer.ts';
import type { KubeClient } from './kube-client.ts';
import type { KubeObject } from './resource.ts';

/**
 * One informer for several readers: it runs while somebody listens. A listener that joins later reads `objects` and `status`
 * for what was said before; events come after both were brought up to date.
 */
export class SharedInformer<Raw extends KubeObject, Kept> {
  readonly #client: KubeClient;
  readonly #options: InformerOptions<Raw, Kept>;
  readonly #listeners = new Set<(event: InformerEvent<Kept>) => void>();
  #objects = new Map<string, Kept>();
  #status: InformerStatus = { state: 'syncing' };
  #running: { readonly abort: AbortController; readonly ended: Promise<void> } | undefined;

  constructor(client: KubeClient, options: InformerOptions<Raw, Kept>) {
    this.#client = client;
    this.#options = options;
  }

  /** By `objectKey`; while it is stale, what was last known. */
  get objects(): ReadonlyMap<string, Kept> {
    return this.#objects;
  }

  get status(): InformerStatus {
    return this.#status;
  }

  /** Returns how to stop listening. The call must not throw. */
  listen(listener: (event: InformerEvent<Kept>) => void): () => Promise<void> {
    this.#listeners.add(listener);
    if (this.#running === undefined) {
      const abort = new AbortController();
      this.#running = { abort, ended: this.#run(abort.signal) };
    }
    return async () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size > 0 || this.#running === undefined) return;
      const { abort, ended } = this.#running;
      this.#running = undefined;
      abort.abort();
      this.#objects = new Map();
      this.#status = { state: 'syncing' };
      await ended;
    };
  }

  async #run(signal: AbortSignal): Promise<void> {
    for await (const event of inform(this.#client, this.#options, signal)) {
      if (signal.aborted) return;
      this.#take(event);
      for (const listener of this.#listeners) listener(event);
    }
  }

  #take(event: InformerEvent<Kept>): void {
    switch (event.kind) {
      case 'snapshot':
        this.#objects = event.objects;
        break;
      case 'upsert':
        this.#objects.set(event.key, event.object);
        break;
      case 'remove':
        this.#objects.delete(event.key);
        break;
      case 'status':
        this.#status = event.status;
        break;
      default:
        event satisfies never;
    }
  }
}
