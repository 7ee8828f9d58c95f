import { Worker } from 'node:worker_threads';
import type { Endpoint, ServiceKey } from '@isthmus/model';
import type { Answer } from './answer.ts';
import { decodeService } from './decode.ts';
import { ConsulFailure } from './failure.ts';
import type { NormalizeRules, Normalized } from './normalize.ts';

/** Parsing and normalising 1 MB takes about 15 ms; larger answers go to a worker (no event-loop slice above 20 ms). */
const LARGE_BYTES = 1024 * 1024;
const ANSWER_MS = 60_000;

export interface Job {
  readonly id: number;
  readonly key: ServiceKey;
  readonly body: Uint8Array;
  readonly contentType: string;
  readonly rules: NormalizeRules;
}

export type Reply =
  | { readonly id: number; readonly kind: 'part'; readonly endpoints: readonly Endpoint[] }
  | { readonly id: number; readonly kind: 'done'; readonly reading: Normalized }
  | { readonly id: number; readonly kind: 'failed'; readonly message: string; readonly code: ConsulFailure['code'] };

interface Pending {
  readonly endpoints: Endpoint[];
  readonly resolve: (reading: Normalized) => void;
  readonly reject: (failure: ConsulFailure) => void;
  readonly timer: NodeJS.Timeout;
}

/** Turns answers into records, the large ones in a worker that is started when the first one comes. */
export class Decoder {
  readonly #rules: NormalizeRules;
  readonly #pending = new Map<number, Pending>();
  #worker: Worker | undefined;
  #lastId = 0;

  constructor(rules: NormalizeRules) {
    this.#rules = rules;
  }

  /**
   * At once for an answer of usual size: a lone change waits for nothing.
   * @throws (or rejects with) ConsulFailure `answer`
   */
  decode(key: ServiceKey, answer: Answer): Normalized | Promise<Normalized> {
    if (answer.body.length <= LARGE_BYTES) return decodeService(key, answer.body, answer.contentType, this.#rules);
    return this.#inWorker(key, answer);
  }

  async close(): Promise<void> {
    const worker = this.#worker;
    this.#worker = undefined;
    this.#failAll('closed');
    await worker?.terminate();
  }

  #inWorker(key: ServiceKey, answer: Answer): Promise<Normalized> {
    const worker = this.#start();
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#failAll(`no record after ${ANSWER_MS} ms`), ANSWER_MS);
      timer.unref();
      this.#pending.set(id, { endpoints: [], resolve, reject, timer });
      worker.postMessage({ id, key, body: answer.body, contentType: answer.contentType, rules: this.#rules } satisfies Job);
    });
  }

  #start(): Worker {
    if (this.#worker !== undefined) return this.#worker;
    const source = import.meta.url.endsWith('.ts');
    const url = new URL(source ? './decode-worker.ts' : './decode-worker.js', import.meta.url);
    const worker = new Worker(url, source ? { execArgv: ['--conditions=source'] } : {});
    worker.unref();
    worker.on('message', (reply: Reply) => this.#take(reply));
    worker.on('error', (error) => this.#failAll(error.message));
    worker.on('exit', () => {
      if (this.#worker === worker) this.#worker = undefined;
    });
    this.#worker = worker;
    return worker;
  }

  #take(reply: Reply): void {
    const pending = this.#pending.get(reply.id);
    if (pending === undefined) return;
    if (reply.kind === 'part') {
      pending.endpoints.push(...reply.endpoints);
      return;
    }
    this.#pending.delete(reply.id);
    clearTimeout(pending.timer);
    if (reply.kind === 'failed') pending.reject(new ConsulFailure('answer', reply.message, reply.code ?? 'answer.invalid'));
    else if (reply.reading.kind !== 'record') pending.resolve(reply.reading);
    else pending.resolve({ ...reply.reading, record: { ...reply.reading.record, endpoints: pending.endpoints } });
  }

  #failAll(why: string): void {
    for (const [id, pending] of this.#pending) {
      this.#pending.delete(id);
      clearTimeout(pending.timer);
      pending.reject(new ConsulFailure('answer', `the answer cannot be parsed: ${why}`, 'answer.invalid'));
    }
  }
}
