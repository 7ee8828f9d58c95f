import { parentPort, workerData } from 'node:worker_threads';
import type { Endpoint, ServiceRecord, SourceId } from '@isthmus/model';
import { messageOf } from '@isthmus/model';
import type { ServiceFilter } from '@isthmus/registry';
import { AnswerError } from './answer-error.ts';
import type { ReadFailure } from './answer-error.ts';
import { EurekaReader } from './reader.ts';
import type { ReadRequest, ReadSummary } from './reader.ts';

export interface WorkerInput {
  readonly source: SourceId;
  readonly filter: ServiceFilter;
}

export type ToWorker =
  | { readonly kind: 'read'; readonly request: ReadRequest }
  /** The portion was taken, the next one may come: a port delivers up to 1,000 waiting messages without a pause. */
  | { readonly kind: 'more' };

export type FromWorker =
  /** `endpoints` belong to the last record before them: a record of thousands comes in parts. */
  | { readonly kind: 'portion'; readonly records: readonly ServiceRecord[]; readonly endpoints: readonly Endpoint[] }
  /** With the records that no portion has taken: a lone change is one message. */
  | { readonly kind: 'done'; readonly summary: ReadSummary; readonly records: readonly ServiceRecord[] }
  | { readonly kind: 'failed'; readonly failure: ReadFailure };

/** Endpoints in one message: receiving them takes the main thread 1 to 2 ms. */
const PORTION = 300;

class Portions {
  readonly #send: (message: FromWorker) => Promise<void>;
  #records: ServiceRecord[] = [];
  #endpoints = 0;

  constructor(send: (message: FromWorker) => Promise<void>) {
    this.#send = send;
  }

  add(record: ServiceRecord): Promise<void> | undefined {
    if (record.endpoints.length > PORTION) return this.#addLarge(record);
    this.#records.push(record);
    this.#endpoints += record.endpoints.length + 1;
    return this.#endpoints < PORTION ? undefined : this.#flush();
  }

  async #flush(): Promise<void> {
    if (this.#records.length === 0) return;
    const records = this.take();
    await this.#send({ kind: 'portion', records, endpoints: [] });
  }

  /** What waits, which then does not wait any more. */
  take(): readonly ServiceRecord[] {
    const records = this.#records;
    this.#records = [];
    this.#endpoints = 0;
    return records;
  }

  async #addLarge(record: ServiceRecord): Promise<void> {
    await this.#flush();
    for (let from = 0; from < record.endpoints.length; from += PORTION) {
      const endpoints = record.endpoints.slice(from, from + PORTION);
      await this.#send({ kind: 'portion', records: from === 0 ? [{ ...record, endpoints: [] }] : [], endpoints });
    }
  }
}

const port = parentPort;
if (port !== null) {
  const { source, filter } = workerData as WorkerInput;
  const reader = new EurekaReader(source, filter);
  let taken = () => {};
  const portions = new Portions((message) => {
    const wait = new Promise<void>((resolve) => (taken = resolve));
    port.postMessage(message);
    return wait;
  });

  const read = async (request: ReadRequest): Promise<FromWorker> => {
    try {
      const summary = await reader.read(request, (record) => portions.add(record), new AbortController().signal);
      return { kind: 'done', summary, records: portions.take() };
    } catch (thrown) {
      portions.take();
      const failure =
        thrown instanceof AnswerError
          ? thrown.failure
          : {
              code: 'registry.protocol' as const,
              what: `reading failed: ${messageOf(thrown)}`,
              remedy: 'report this as a bug of Isthmus',
            };
      return { kind: 'failed', failure };
    }
  };

  port.on('message', (message: ToWorker) => {
    if (message.kind === 'more') taken();
    else void read(message.request).then((answer) => port.postMessage(answer));
  });
}
