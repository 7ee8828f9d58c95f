/** One watch request: the API server's stream of JSON lines as events, with everything that can end it. */
import type { KubeClient } from './kube-client.ts';
import { errorFromStatus, KubeError } from './kube-error.ts';
import type { Attempt } from './kube-error.ts';
import { pathOf } from './resource.ts';
import type { KubeObject, Resource } from './resource.ts';

export type WatchEvent<T> =
  | { readonly kind: 'put'; readonly object: T }
  | { readonly kind: 'deleted'; readonly object: T }
  /** Nothing changed up to this resourceVersion. */
  | { readonly kind: 'bookmark'; readonly resourceVersion: string };

export interface WatchOptions {
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  /** Events after this one. */
  readonly resourceVersion: string;
  /** The server ends the watch then; milliseconds. */
  readonly lifetimeMs: number;
  /** A watch that says nothing for so long is taken for dead; bookmarks come every minute or so. */
  readonly stallMs: number;
  readonly signal: AbortSignal;
}

/** A server that has not ended it this long after its time has forgotten it. */
const OVERTIME_MS = 10_000;
/** etcd takes objects of 1.5 MB; with managed fields and escapes a line may be a few times that. */
const MOST_LINE_BYTES = 16 * 1024 * 1024;

/**
 * Ends when the server ends it in order. @throws KubeError; `expired` when `resourceVersion` is too old, `timeout` when the
 * watch is dead; the signal's reason.
 */
export async function* watchObjects<T extends KubeObject>(
  client: KubeClient,
  resource: Resource,
  options: WatchOptions,
): AsyncGenerator<WatchEvent<T>> {
  const { namespace = '', labelSelector, fieldSelector, resourceVersion, lifetimeMs, stallMs, signal } = options;
  const attempt: Attempt = { verb: 'watch', resource, namespace };
  const stream = await client.stream({
    path: pathOf(resource, namespace),
    query: {
      watch: true,
      allowWatchBookmarks: true,
      resourceVersion,
      labelSelector,
      fieldSelector,
      timeoutSeconds: Math.max(1, Math.round(lifetimeMs / 1_000)),
    },
    attempt,
    signal,
  });
  const dead = (why: string): void =>
    stream.destroy(new KubeError('timeout', `the watch of ${resource.plural} at ${client.access.server} ${why}`));
  const stall = setTimeout(() => dead(`said nothing for ${Math.round(stallMs / 1_000)} s`), stallMs);
  const overtime = setTimeout(() => dead('outlived its time'), lifetimeMs + OVERTIME_MS);
  try {
    for await (const line of lines(stream, () => stall.refresh())) {
      yield parse<T>(line, attempt, client.access.server);
    }
  } finally {
    clearTimeout(stall);
    clearTimeout(overtime);
  }
}

/** Complete lines without their end; the last one, if it is not complete, is dropped: the connection broke inside it. */
async function* lines(chunks: AsyncIterable<Buffer>, heard: () => void): AsyncGenerator<string> {
  let parts: Buffer[] = [];
  let waiting = 0;
  for await (const chunk of chunks) {
    heard();
    let from = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, from)) {
      parts.push(chunk.subarray(from, end));
      from = end + 1;
      const line = parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts);
      parts = [];
      waiting = 0;
      if (line.length > 0) yield line.toString('utf8');
    }
    if (from < chunk.length) parts.push(chunk.subarray(from));
    waiting += chunk.length - from;
    if (waiting > MOST_LINE_BYTES) throw new KubeError('too-large', `an event of a watch has more than ${MOST_LINE_BYTES} bytes`);
  }
}

function parse<T extends KubeObject>(line: string, attempt: Attempt, server: string): WatchEvent<T> {
  let event: { readonly type?: string; readonly object?: T & { readonly code?: number } };
  try {
    event = JSON.parse(line) as typeof event;
  } catch (cause) {
    throw new KubeError('protocol', `${server} sends an event that is no JSON`, { cause });
  }
  const { type, object } = event;
  if (type === 'ERROR') {
    throw errorFromStatus(attempt, server, { status: object?.code ?? 500, body: object, retryAfter: undefined });
  }
  if (typeof object?.metadata?.resourceVersion !== 'string') {
    throw new KubeError('protocol', `${server} sends an event without an object`);
  }
  switch (type) {
    case 'ADDED':
    case 'MODIFIED':
      return { kind: 'put', object };
    case 'DELETED':
      return { kind: 'deleted', object };
    case 'BOOKMARK':
      return { kind: 'bookmark', resourceVersion: object.metadata.resourceVersion };
    default:
      throw new KubeError('protocol', `${server} sends an event of the unknown type ${JSON.stringify(type)}`);
  }
}
