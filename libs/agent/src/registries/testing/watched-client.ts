import { Worker } from 'node:worker_threads';
import type { ViewEndpoint } from '@isthmus/contract';

export interface ClientOrder {
  readonly kind: 'nacos' | 'consul' | 'eureka';
  /** The package. */
  readonly module: string;
  readonly options: object;
  readonly watched: 'client' | 'module' | 'no';
  /** Of its provider. */
  readonly warmUpMs?: number;
}

export type ClientTold =
  | { readonly id: number; readonly value?: unknown; readonly error?: string }
  | { readonly view: string; readonly endpoints: readonly ViewEndpoint[] }
  | { readonly bug: string; readonly name: string; readonly message: string }
  | { readonly registered: string }
  | { readonly gone: string };

type Waiter = { readonly resolve: (value: unknown) => void; readonly reject: (error: Error) => void };

/** A client of a registry in a thread, see `client.worker.ts`, and what its wrapper told. */
export class WatchedClient {
  readonly views = new Map<string, readonly ViewEndpoint[]>();
  readonly bugs: { readonly code: string; readonly name: string; readonly message: string }[] = [];
  readonly registered = new Set<string>();
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiter>();
  #calls = 0;

  constructor(order: ClientOrder) {
    const execArgv = ['--conditions=source', '--no-warnings'];
    this.#worker = new Worker(new URL('client.worker.ts', import.meta.url), { workerData: order, execArgv });
    this.#worker.on('message', (told: ClientTold) => this.#hear(told));
    this.#worker.on('error', (error) => {
      for (const { reject } of this.#waiting.values()) reject(error);
    });
  }

  /** @param path `agent.service.register`; @param args what a structured clone can have, see `client.worker.ts` for more */
  call(path: string, ...args: readonly unknown[]): Promise<unknown> {
    const id = (this.#calls += 1);
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#worker.postMessage({ id, path, args });
    });
  }

  /** `10.0.0.7:8080`, sorted; undefined before anything was told of it. */
  places(name: string): readonly string[] | undefined {
    return this.views.get(name)?.map(({ address, port }) => `${address}:${port}`).sort(); // prettier-ignore
  }

  has(code: string, name?: string): boolean {
    return this.bugs.some((bug) => bug.code === code && (name === undefined || bug.name === name));
  }

  async stop(): Promise<void> {
    await this.#worker.terminate();
  }

  #hear(told: ClientTold): void {
    if ('view' in told) this.views.set(told.view, told.endpoints);
    else if ('bug' in told) this.bugs.push({ code: told.bug, name: told.name, message: told.message });
    else if ('registered' in told) this.registered.add(told.registered);
    else if ('gone' in told) this.registered.delete(told.gone);
    else {
      const waiter = this.#waiting.get(told.id);
      this.#waiting.delete(told.id);
      if (told.error === undefined) waiter?.resolve(told.value);
      else waiter?.reject(new Error(told.error));
    }
  }
}
