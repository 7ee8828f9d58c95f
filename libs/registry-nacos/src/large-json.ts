import { Worker } from 'node:worker_threads';
import { IsthmusError } from '@isthmus/model';
import type { Endpoint, SourceId } from '@isthmus/model';
import type { Json } from './json-body.ts';
import { setPrepared } from './normalize.ts';
import type { ServiceOutcome } from './outcome.ts';

/** Parsing and normalising that much (about 1,400 instances) takes less than 10 ms; no turn of the event loop may take 20. */
const LARGE_BYTES = 512 * 1024;
const DEADLINE_MS = 60_000;

export interface LargeJob {
  readonly id: number;
  readonly body: Uint8Array;
  readonly what: string;
  readonly source: SourceId;
  readonly namespace: string;
}

/** To the worker: a job, or that the last portion was taken over. */
export type LargeRequest = LargeJob | { readonly id: number; readonly kind: 'more' };

export type LargeReply =
  | { readonly id: number; readonly kind: 'endpoints'; readonly endpoints: readonly Endpoint[] }
  /** `json` without the hosts that `outcome` stands for; its endpoints came before. */
  | { readonly id: number; readonly kind: 'done'; readonly json: Json; readonly outcome: ServiceOutcome | undefined }
  | { readonly id: number; readonly kind: 'failed'; readonly what: string; readonly remedy: string };

interface Pending {
  readonly endpoints: Endpoint[];
  readonly resolve: (json: Json) => void;
  readonly reject: (error: IsthmusError) => void;
  readonly timer: NodeJS.Timeout;
}

/**
 * Parses large messages in a worker, which also normalises a service's hosts: a service of 20,000 instances has 7 MB, and
 * would hold up the event loop for 100 ms. The worker starts with the first large message; endpoints come back in portions.
 */
export class LargeJson {
  readonly #source: SourceId;
  readonly #pending = new Map<number, Pending>();
  #worker: Worker | undefined;
  #lastId = 0;

  constructor(source: SourceId) {
    this.#source = source;
  }

  takes(body: Uint8Array): boolean {
    return body.length > LARGE_BYTES;
  }

  /** @throws (rejects with) IsthmusError `registry.protocol`, as `readJsonObject` does. */
  read(body: Uint8Array, what: string, namespace: string): Promise<Json> {
    this.#worker ??= this.#start();
    const worker = this.#worker;
    const id = (this.#lastId += 1);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#failAll(`the worker gave nothing within ${DEADLINE_MS} ms`), DEADLINE_MS);
      timer.unref();
      this.#pending.set(id, { endpoints: [], resolve, reject, timer });
      worker.postMessage({ id, body, what, source: this.#source, namespace } satisfies LargeRequest);
    });
  }

  close(): void {
    this.#failAll('the source was closed');
  }

  #start(): Worker {
    const fromSource = import.meta.url.endsWith('.ts');
    const file = new URL(fromSource ? './large-json.worker.ts' : './large-json.worker.js', import.meta.url);
    const worker = new Worker(file, fromSource ? { execArgv: ['--conditions=source'] } : {});
    worker.unref();
    worker.on('message', (reply: LargeReply) => this.#take(reply));
    worker.on('error', (error) => this.#failAll(`the worker failed: ${error.message}`));
    return worker;
  }

  #take(reply: LargeReply): void {
    const pending = this.#pending.get(reply.id);
    if (pending === undefined) return;
    if (reply.kind === 'endpoints') {
      pending.endpoints.push(...reply.endpoints);
      // A port hands over up to 1,000 waiting messages in one turn: the worker has to wait for this one to be taken.
      const worker = this.#worker;
      setImmediate(() => worker?.postMessage({ id: reply.id, kind: 'more' } satisfies LargeRequest));
      return;
    }
    this.#pending.delete(reply.id);
    clearTimeout(pending.timer);
    if (reply.kind === 'failed') {
      pending.reject(new IsthmusError('registry.protocol', reply.what, { remedy: reply.remedy }));
      return;
    }
    const { json, outcome } = reply;
    if (outcome !== undefined) setPrepared((json['serviceInfo'] ?? json) as object, complete(outcome, pending.endpoints));
    pending.resolve(json);
  }

  #failAll(why: string): void {
    void this.#worker?.terminate();
    this.#worker = undefined;
    for (const [id, { reject, timer }] of this.#pending) {
      this.#pending.delete(id);
      clearTimeout(timer);
      reject(new IsthmusError('registry.protocol', `a large answer cannot be read: ${why}`));
    }
  }
}

function complete(outcome: ServiceOutcome, endpoints: readonly Endpoint[]): ServiceOutcome {
  if (outcome.kind !== 'read') return outcome;
  return { kind: 'read', read: { ...outcome.read, record: { ...outcome.read.record, endpoints } } };
}
