import { Worker } from 'node:worker_threads';
import type { Diagnostic, ServiceRecord, SourceId } from '@isthmus/model';
import { IsthmusError } from '@isthmus/model';
import type { Reading } from './read-services.ts';

export interface ReadingJob {
  readonly source: SourceId;
  readonly file: string;
  readonly bytes: Uint8Array;
}

/** Records come in portions, each asked for: a port hands over many waiting messages in one turn of the event loop. */
export type ReadingReply =
  | { readonly kind: 'records'; readonly records: readonly ServiceRecord[] }
  | { readonly kind: 'done'; readonly diagnostics: readonly Diagnostic[] }
  | Extract<Reading, { readonly kind: 'wrong' }>;

/** Reads a large file in a thread that ends with it. @throws IsthmusError `registry.protocol` when the thread fails */
export async function readInThread(job: ReadingJob, signal: AbortSignal): Promise<Reading> {
  const fromSource = import.meta.url.endsWith('.ts');
  const file = new URL(fromSource ? './reading.worker.ts' : './reading.worker.js', import.meta.url);
  const worker = new Worker(file, { workerData: job, ...(fromSource ? { execArgv: ['--conditions=source'] } : {}) });
  const stop = (): void => void worker.terminate();
  signal.addEventListener('abort', stop, { once: true });
  try {
    return await new Promise<Reading>((resolve, reject) => {
      const records: ServiceRecord[] = [];
      const failed = (why: string) => reject(new IsthmusError('registry.protocol', `${job.file} cannot be read: ${why}`));
      worker.on('error', (error) => failed(error.message));
      worker.on('exit', () => failed('the thread that reads it ended'));
      worker.on('message', (reply: ReadingReply) => {
        if (reply.kind === 'wrong') return resolve(reply);
        if (reply.kind === 'done') return resolve({ kind: 'read', records, diagnostics: reply.diagnostics });
        records.push(...reply.records);
        setImmediate(() => worker.postMessage('more'));
      });
    });
  } finally {
    signal.removeEventListener('abort', stop);
    await worker.terminate();
  }
}
