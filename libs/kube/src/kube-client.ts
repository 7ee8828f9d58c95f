import { request as httpRequest } from 'node:http';
import type { ClientRequest, IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { messageOf, ownTurn } from '@isthmus/model';
import type { KubeAccess } from './access.ts';
import { errorFromStatus, KubeError } from './kube-error.ts';
import type { Attempt } from './kube-error.ts';

/** An answer that is parsed in a turn of the event loop that nothing else has. */
const LARGE_BYTES = 64 * 1024;

/** Server-side apply. JSON is YAML. */
export const APPLY = 'application/apply-patch+yaml';

export interface KubeClientOptions {
  /** Longest time until an answer is complete (of a watch: until it begins); milliseconds. Default 15,000. */
  readonly timeoutMs?: number;
  /** Largest answer that is read. Default 64 MiB. */
  readonly mostBytes?: number;
  /** Default `isthmus`. */
  readonly userAgent?: string;
}

export interface KubeCall {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** From `pathOf`, or `/version` and the like. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** Default `application/json`. */
  readonly contentType?: string;
  /** What it is for; errors name it. */
  readonly attempt?: Attempt;
  readonly signal?: AbortSignal;
  /** Instead of the client's. */
  readonly timeoutMs?: number;
}

export interface KubeAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** Parsed JSON; text where it is none. */
  readonly body: unknown;
  /** Of the answer as it came. */
  readonly bytes: number;
}

/** An answer that goes on: the bytes of a watch. */
export interface KubeStream extends AsyncIterable<Buffer> {
  /** Ends the connection; its reader gets the error. */
  destroy(error: Error): void;
}

/** Calls to one API server, over HTTP/1.1 with kept connections. Safe for many calls at once. */
export class KubeClient {
  readonly access: KubeAccess;
  readonly #timeoutMs: number;
  readonly #mostBytes: number;
  readonly #userAgent: string;

  constructor(access: KubeAccess, options: KubeClientOptions = {}) {
    this.access = access;
    this.#timeoutMs = options.timeoutMs ?? 15_000;
    this.#mostBytes = options.mostBytes ?? 64 * 1024 * 1024;
    this.#userAgent = options.userAgent ?? 'isthmus';
  }

  /** The body of a 2xx answer. @throws KubeError for everything else; the signal's reason when it is aborted. */
  async call<T>(call: KubeCall): Promise<T> {
    return (await this.exchange(call)).body as T;
  }

  /** Like `call`, with status, headers and size. */
  async exchange(call: KubeCall): Promise<KubeAnswer> {
    const deadline = AbortSignal.timeout(call.timeoutMs ?? this.#timeoutMs);
    const signal = call.signal === undefined ? deadline : AbortSignal.any([call.signal, deadline]);
    try {
      const response = await this.#send(call, signal);
      const { text, bytes } = await this.#read(response);
      return this.#answer(call, response, text, bytes);
    } catch (thrown) {
      throw this.#failure(thrown, call, deadline);
    }
  }

  /**
   * The answer as bytes while they come. Ends when the server ends it. The time limit is for its beginning only.
   * @throws KubeError
   */
  async stream(call: KubeCall): Promise<KubeStream> {
    const begin = new AbortController();
    const limit = call.timeoutMs ?? this.#timeoutMs;
    const timer = setTimeout(() => begin.abort(new DOMException('no answer', 'TimeoutError')), limit);
    const signal = call.signal === undefined ? begin.signal : AbortSignal.any([call.signal, begin.signal]);
    try {
      const response = await this.#send(call, signal);
      if (response.statusCode !== 200) {
        const { text, bytes } = await this.#read(response);
        this.#answer(call, response, text, bytes);
      }
      return {
        [Symbol.asyncIterator]: () => this.#chunks(response, call),
        destroy: (error) => void response.destroy(error),
      };
    } catch (thrown) {
      throw this.#failure(thrown, call, begin.signal);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Ends idle connections, and those in use. */
  close(): void {
    this.access.close();
  }

  async *#chunks(response: IncomingMessage, call: KubeCall): AsyncGenerator<Buffer> {
    try {
      yield* response as AsyncIterable<Buffer>;
    } catch (thrown) {
      throw this.#failure(thrown, call, undefined);
    }
  }

  async #send(call: KubeCall, signal: AbortSignal): Promise<IncomingMessage> {
    const { headers, agent } = await this.access.credentials();
    signal.throwIfAborted();
    const url = new URL(this.access.server + call.path);
    for (const [name, value] of Object.entries(call.query ?? {})) {
      if (value !== undefined) url.searchParams.set(name, String(value));
    }
    const body = call.body === undefined ? undefined : JSON.stringify(call.body);
    const all: Record<string, string | number> = { accept: 'application/json', 'user-agent': this.#userAgent, ...headers };
    if (body !== undefined) {
      all['content-type'] = call.contentType ?? 'application/json';
      all['content-length'] = Buffer.byteLength(body);
    }
    const make = url.protocol === 'https:' ? httpsRequest : httpRequest;
    for (let attempt = 0; ; attempt += 1) {
      const outgoing = make(url, { method: call.method ?? 'GET', headers: all, agent, signal });
      try {
        return await answerTo(outgoing, body);
      } catch (thrown) {
        // The server closed the idle connection in the moment in which we used it again: that says nothing about it. Only
        // what comes to the same when it is done twice is asked again.
        const repeatable = (call.method ?? 'GET') === 'GET' || call.contentType === APPLY;
        if (attempt === 0 && repeatable && outgoing.reusedSocket && isReset(thrown)) continue;
        throw thrown;
      }
    }
  }

  async #read(response: IncomingMessage): Promise<{ readonly text: string; readonly bytes: number }> {
    const chunks: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of response as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > this.#mostBytes) {
        throw new KubeError(
          'too-large',
          `${this.access.server} answers more than ${Math.floor(this.#mostBytes / 1024 / 1024)} MiB`,
        );
      }
      chunks.push(chunk);
    }
    if (bytes > LARGE_BYTES) await ownTurn(); // what is parsed next is milliseconds, and several answers may come at once
    return { text: Buffer.concat(chunks).toString('utf8'), bytes };
  }

  #answer(call: KubeCall, response: IncomingMessage, text: string, bytes: number): KubeAnswer {
    const status = response.statusCode ?? 0;
    const { headers } = response;
    const json = headers['content-type']?.includes('json') === true;
    let body: unknown = text;
    try {
      if (json) body = JSON.parse(text);
    } catch (cause) {
      throw new KubeError('protocol', `${this.access.server}${call.path} answers JSON that is none`, { cause });
    }
    if (status >= 200 && status < 300) return { status, headers, body, bytes };
    if (status === 401) this.access.renew();
    throw errorFromStatus(call.attempt, this.access.server, { status, body, retryAfter: headers['retry-after'] });
  }

  #failure(thrown: unknown, call: KubeCall, deadline: AbortSignal | undefined): unknown {
    if (call.signal?.aborted === true) return call.signal.reason;
    if (thrown instanceof KubeError) return thrown;
    const { server } = this.access;
    if (deadline?.aborted === true) {
      const what = `${server}${call.path} did not answer within ${call.timeoutMs ?? this.#timeoutMs} ms`;
      return new KubeError('timeout', what, { remedy: 'is the API server overloaded, or a firewall in between?', cause: thrown });
    }
    const code = codeOf(thrown);
    const tls = /CERT|TLS|SSL|SELF_SIGNED|UNABLE_TO_VERIFY/.test(code);
    const remedy = tls
      ? 'the certificate-authority of the kubeconfig has to be the one that signed the API server’s certificate'
      : 'is the API server up, and its address right in the kubeconfig?';
    const said = messageOf(thrown);
    const why = said.includes(code) ? said : `${said} (${code})`;
    return new KubeError('unreachable', `${server} cannot be reached: ${why}`, { remedy, cause: thrown });
  }
}

function answerTo(outgoing: ClientRequest, body: string | undefined): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    outgoing.once('response', resolve);
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

function isReset(thrown: unknown): boolean {
  return ['ECONNRESET', 'EPIPE'].includes(codeOf(thrown));
}

/** Of Node's errors; '' for others. */
function codeOf(thrown: unknown): string {
  return typeof thrown === 'object' && thrown !== null && 'code' in thrown ? String(thrown.code) : '';
}
