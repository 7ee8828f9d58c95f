import { parentPort } from 'node:worker_threads';
import { IsthmusError, messageOf } from '@isthmus/model';
import { bareName } from './grpc-reads.ts';
import { readJsonObject } from './json-body.ts';
import type { Json } from './json-body.ts';
import type { LargeJob, LargeReply } from './large-json.ts';
import { serviceInfoOf } from './normalize.ts';
import { outcomeOf } from './service-outcome.ts';

/** The main thread takes over that many endpoints in about a millisecond. */
const PORTION = 200;

const post = (reply: LargeReply) => parentPort?.postMessage(reply);

parentPort?.on('message', ({ id, body, what, source, namespace }: LargeJob) => {
  try {
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
      post({ id, kind: 'endpoints', endpoints: record.endpoints.slice(at, at + PORTION) });
    }
    post({
      id,
      kind: 'done',
      json: rest,
      outcome: { kind: 'read', read: { ...outcome.read, record: { ...record, endpoints: [] } } },
    });
  } catch (thrown) {
    const remedy = IsthmusError.is(thrown) ? thrown.remedy : undefined;
    post({
      id,
      kind: 'failed',
      what: IsthmusError.is(thrown) ? thrown.message : messageOf(thrown),
      remedy: remedy ?? 'look at the log of Nacos',
    });
  }
});
