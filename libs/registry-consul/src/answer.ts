import { ConsulFailure } from './failure.ts';

/** One answer of the catalog or health API, before its body is believed. */
export interface Answer {
  readonly body: Buffer;
  readonly contentType: string;
  /** `X-Consul-Index`; 0 when there is none. */
  readonly index: number;
  /** Consul left something out because the token may not see it. Never set for answers of the streaming backend. */
  readonly filtered: boolean;
  /** From the agent's streaming cache: neither `filtered` nor `leaderless` is known then (seen on 1.22.7). */
  readonly streaming: boolean;
  /** Answered without knowing a leader: may be old. */
  readonly leaderless: boolean;
  /** The default ACL policy is `deny`: without a token, lists come back empty and unmarked. */
  readonly denyByDefault: boolean;
}

type Headers = Readonly<Record<string, string | readonly string[] | undefined>>;

export function answerOf(headers: Headers, body: unknown): Answer {
  const header = (name: string): string => {
    const value = headers[name];
    return typeof value === 'string' ? value : (value?.[0] ?? '');
  };
  const index = Number(header('x-consul-index'));
  const streaming = header('x-consul-query-backend') === 'streaming';
  return {
    body: Buffer.isBuffer(body) ? body : Buffer.alloc(0),
    contentType: header('content-type'),
    index: Number.isSafeInteger(index) && index > 0 ? index : 0,
    filtered: header('x-consul-results-filtered-by-acls') === 'true',
    streaming,
    leaderless: !streaming && header('x-consul-knownleader') === 'false',
    denyByDefault: header('x-consul-default-acl-policy') === 'deny',
  };
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

/**
 * The JSON of an answer.
 * @throws ConsulFailure `answer` for HTML, truncated JSON and invalid UTF-8.
 */
export function parseJson(body: Uint8Array, contentType: string): unknown {
  // Consul sends application/json; a login page of a proxy in front comes with status 200 and text/html.
  if (!/^(application|text)\/json\b/.test(contentType)) {
    const kind = /html/.test(contentType) ? 'an HTML page, as a proxy or login page sends it' : `"${contentType.slice(0, 60)}"`;
    throw new ConsulFailure('answer', `the answer is ${kind}, not JSON`, 'answer.invalid');
  }
  let text: string;
  try {
    text = utf8.decode(body);
  } catch {
    throw new ConsulFailure('answer', 'the answer is not valid UTF-8', 'text.invalid');
  }
  try {
    return JSON.parse(text);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message.slice(0, 100) : '';
    throw new ConsulFailure('answer', `the answer of ${body.length} bytes is no complete JSON (${why})`, 'answer.invalid');
  }
}

/**
 * The `index` of the next blocking query. It starts again at 0 when the answer's is lower (the data was restored or
 * lost) or missing: developer.hashicorp.com/consul/api-docs/features/blocking, "Implementation Details".
 */
export function nextIndex(last: number, answered: number): number {
  return answered < last ? 0 : answered;
}
