import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { expect, test } from '@jest/globals';

// In a thread: Jest loads modules in its own way.
test('clients are watched that are imported, required or there already, until it is undone', async () => {
  const execArgv = ['--conditions=source', '--no-warnings'];
  const worker = new Worker(new URL('loading.worker.ts', import.meta.url), { execArgv });
  try {
    const [watched] = (await once(worker, 'message', { signal: AbortSignal.timeout(50_000) })) as [unknown];
    expect(watched).toEqual({ imported: true, required: true, before: true, after: false });
  } finally {
    await worker.terminate();
  }
}, 60_000);
