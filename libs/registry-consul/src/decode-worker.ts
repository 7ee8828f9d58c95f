import { parentPort } from 'node:worker_threads';
import { decodeService } from './decode.ts';
import type { Job, Reply } from './decoder.ts';
import { ConsulFailure } from './failure.ts';

/** A message of this many endpoints is taken over by the main thread in about a millisecond. */
const CHUNK = 200;

const post = (reply: Reply) => parentPort?.postMessage(reply);

parentPort?.on('message', ({ id, key, body, contentType, rules }: Job) => {
  try {
    const reading = decodeService(key, body, contentType, rules);
    if (reading.kind !== 'record') return post({ id, kind: 'done', reading });
    const { endpoints, ...head } = reading.record;
    for (let at = 0; at < endpoints.length; at += CHUNK) post({ id, kind: 'part', endpoints: endpoints.slice(at, at + CHUNK) });
    post({ id, kind: 'done', reading: { ...reading, record: { ...head, endpoints: [] } } });
  } catch (thrown) {
    const failure = thrown instanceof ConsulFailure ? thrown : undefined;
    post({ id, kind: 'failed', message: thrown instanceof Error ? thrown.message : String(thrown), code: failure?.code });
  }
});
