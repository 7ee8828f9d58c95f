import { parentPort, workerData } from 'node:worker_threads';
import { readServices } from './read-services.ts';
import type { ReadingJob, ReadingReply } from './reading-thread.ts';

/** The main thread takes over that many records of a few endpoints in about a millisecond. */
const PORTION = 100;

const post = (reply: ReadingReply) => parentPort?.postMessage(reply);
const { source, file, bytes } = workerData as ReadingJob;
const reading = readServices(source, file, bytes);

let at = 0;
const next = (): void => {
  if (reading.kind === 'wrong') return post(reading);
  if (at >= reading.records.length) return post({ kind: 'done', diagnostics: reading.diagnostics });
  post({ kind: 'records', records: reading.records.slice(at, at + PORTION) });
  at += PORTION;
};
parentPort?.on('message', next);
next();
