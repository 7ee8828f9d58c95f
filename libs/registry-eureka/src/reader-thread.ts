import { Worker } from 'node:worker_threads';
import { messageOf } from '@isthmus/model';
import type { Endpoint, ServiceRecord } from '@isthmus/model';
import { AnswerError } from './answer-error.ts';
import type { ReadRequest, ReadSummary } from './reader.ts';
import type { FromWorker, ToWorker, WorkerInput } from './reader-worker.ts';

/** Four times what 100,000 instances take; beyond it the thread ends, the bridge does not. */
const WORKER_HEAP_MB = 1_024;
/** The default keeps 100 MB more of parsed JSON around before it is collected (measured with 100,000 instances). */
const WORKER_YOUNG_MB = 16;

export interface Read {
  readonly summary: ReadSummary;
  /** True for the first read of a new thread: it had nothing to compare with, so `records` are all that it found. */
  readonly fromScratch: boolean;
  readonly records: readonly ServiceRecord[];
}

/** Whoever reads for the source: the thread, or a script in a test. */
export interface Reader {
  /** False until something was read, and again after it has lost its memory: a delta means nothing then. */
  readonly hasRead: boolean;
  /** One at a time. @throws AnswerError */
  read(request: ReadRequest): Promise<Read>;
  close(): Promise<void>;
}

type LargeRecord = ServiceRecord & { readonly endpoints: Endpoint[] };

/**
 * A reader in a thread of its own. The main thread receives a few hundred endpoints at a time and gives way to the event
 * loop before it asks for more; nothing that is received counts before the read has ended.
 */
export class ReaderThread implements Reader {
  readonly #input: WorkerInput;
  #worker: Worker | undefined;
  #hasRead = false;
  #closed = false;

  constructor(input: WorkerInput) {
    this.#input = input;
  }

  get hasRead(): boolean {
    return this.#hasRead;
  }

  read(request: ReadRequest): Promise<Read> {
    return new Promise((resolve, reject) => {
      if (this.#closed) return reject(stopped('the source was closed'));
      const worker = (this.#worker ??= this.#start());
      const records: ServiceRecord[] = [];
      const end = (finish: () => void) => {
        worker.off('message', receive).off('error', crash).off('exit', crash);
        finish();
      };
      const crash = (cause: unknown) => {
        this.#forget(worker);
        end(() => reject(stopped(typeof cause === 'number' ? `exit code ${cause}` : messageOf(cause))));
      };
      const receive = (message: FromWorker) => {
        switch (message.kind) {
          case 'portion':
            for (const record of message.records) records.push(record);
            if (message.endpoints.length > 0) (records.at(-1) as LargeRecord).endpoints.push(...message.endpoints);
            setImmediate(() => worker.postMessage({ kind: 'more' } satisfies ToWorker));
            break;
          case 'done':
            for (const record of message.records) records.push(record);
            end(() => resolve({ summary: message.summary, records, fromScratch: !this.#hasRead }));
            this.#hasRead ||= !message.summary.refused;
            break;
          case 'failed':
            end(() => reject(AnswerError.of(message.failure)));
            break;
          default:
            message satisfies never;
        }
      };
      worker.on('message', receive).on('error', crash).on('exit', crash);
      worker.postMessage({ kind: 'read', request } satisfies ToWorker);
    });
  }

  /** Ends the thread with its connection and everything that waits. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#worker?.terminate();
    this.#worker = undefined;
  }

  #start(): Worker {
    const fromSource = import.meta.url.endsWith('.ts');
    const worker = new Worker(new URL(fromSource ? './reader-worker.ts' : './reader-worker.js', import.meta.url), {
      workerData: this.#input,
      resourceLimits: { maxOldGenerationSizeMb: WORKER_HEAP_MB, maxYoungGenerationSizeMb: WORKER_YOUNG_MB },
      ...(fromSource ? { execArgv: ['--conditions=source'] } : {}),
    });
    worker.on('error', () => {}); // said by the read that it breaks; between two reads the next one finds it gone
    worker.on('exit', () => this.#forget(worker));
    worker.unref();
    return worker;
  }

  #forget(worker: Worker): void {
    if (this.#worker !== worker) return;
    this.#worker = undefined;
    this.#hasRead = false;
  }
}

function stopped(why: string): AnswerError {
  return new AnswerError(
    'registry.protocol',
    `the reading thread ended: ${why}`,
    'if it ran out of memory, leave applications out with services.exclude',
  );
}
