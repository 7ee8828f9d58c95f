/** Plain calls to the API server, for tests that arrange what a cluster's users and controllers would. */
import { readFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { request, type RequestOptions } from 'node:https';
import { readBody } from './probe.ts';

const maxAnswer = 64 * 1024 * 1024;

export interface ApiAnswer {
  readonly status: number;
  /** Parsed JSON; text where it is none (`/readyz`). */
  readonly body: unknown;
}

export interface ApiCall {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly body?: unknown;
  /** Default JSON, for PATCH a JSON merge patch. */
  readonly contentType?: string;
  readonly signal?: AbortSignal;
}

/** One call on a connection of its own. @throws when it cannot connect, is aborted or the answer exceeds 64 MB. */
export async function callApi(port: number, caFile: string, token: string, call: ApiCall): Promise<ApiAnswer> {
  const ca = await readFile(caFile);
  const body = call.body === undefined ? undefined : JSON.stringify(call.body);
  const type = call.contentType ?? (call.method === 'PATCH' ? 'application/merge-patch+json' : 'application/json');
  const options: RequestOptions = {
    host: '127.0.0.1',
    port,
    path: call.path,
    method: call.method ?? 'GET',
    ca,
    agent: false,
    headers: { authorization: `Bearer ${token}`, ...(body === undefined ? {} : { 'content-type': type }) },
    ...(call.signal === undefined ? {} : { signal: call.signal }),
  };
  return new Promise((resolve, reject) => {
    const outgoing = request(options, (incoming) => void readAnswer(incoming).then(resolve, reject));
    outgoing.once('error', reject);
    outgoing.end(body);
  });
}

async function readAnswer(incoming: IncomingMessage): Promise<ApiAnswer> {
  const text = await readBody(incoming, maxAnswer);
  const json = incoming.headers['content-type']?.includes('json') === true;
  return { status: incoming.statusCode ?? 0, body: json ? JSON.parse(text) : text };
}
