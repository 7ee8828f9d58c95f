import { parentPort } from 'node:worker_threads';
import { IsthmusError, messageOf } from '@isthmus/model';
import { bareName } from './grpc-reads.ts';
import { readJsonObject } from './json-body.ts';
import type { Json } from './json-body.ts';
import type { LargeJob, LargeReply, LargeRequest } from './large-json.ts';
import { serviceInfoOf } from './normalize.ts';
import { outcomeOf } from './service-outcome.ts';

/** The main thread takes over that many endpoints in about a millisecond. */
const PORTION = 200;

const post = (reply: LargeReply) => parentPort?.postMessage(reply);
/** By job: goes on when the main thread has taken over the last portion. */
const waiting = new Map<number, () => void>();

parentPort?.on('message', (request: LargeRequest) => {
  if ('kind' in request) {
    waiting.get(request.id)?.();
    return;
  }
  work(request).catch((thrown: unknown) => {
    const remedy = IsthmusError.is(thrown) ? thrown.remedy : undefined;
    const what = IsthmusError.is(thrown) ? thrown.message : messageOf(thrown);
    post({ id: request.id, kind: 'failed', what, remedy: remedy ?? 'look at the log of Nacos' });
  });
});

async function work({ id, body, what, source, namespace }: LargeJob): Promise<void> {
  const json = readJsonObject(body, what);
  const inner = json['serviceInfo'] ?? json; // gRPC wraps it, HTTP does not
  const info = serviceInfoOf(inner);
  if (info === undefined) return post({ id, kind: 'done', json, outcome: undefined });
  const { name, groupName } = inner as Json;
  const outcome = outcomeOf({ source, namespace, group: String(groupName), name: bareName(String(name)) }, info);
  const bare = { ...(inner as Json), hosts: [] };
  const rest = 'serviceInfo' in json ? { ...json, serviceInfo: bare } : bare;
  if (outcome.kind !== 'read') return post({ id, kind: 'done', json: rest, outcome });
  const { record } = outcome.read;
  for (let at = 0; at < record.endpoints.length; at += PORTION) {
    const taken = new Promise<void>((resolve) => waiting.set(id, resolve));
    post({ id, kind: 'endpoints', endpoints: record.endpoints.slice(at, at + PORTION) });
    await taken;
  }
  waiting.delete(id);
  post({
    id,
    kind: 'done',
    json: rest,
    outcome: { kind: 'read', read: { ...outcome.read, record: { ...record, endpoints: [] } } },
  });
}
