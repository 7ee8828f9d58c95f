import { Agent as HttpAgent, request as httpRequest } from 'node:http';
import type { ClientRequest, IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { pipeline } from 'node:stream';
import { createGunzip, gunzipSync } from 'node:zlib';
import { messageOf } from '@isthmus/model';
import { AnswerError } from './answer-error.ts';
import type { ReadFailure } from './answer-error.ts';

/** PEM texts. */
export interface TlsMaterial {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly servername?: string;
}

export interface AnswerRequest {
  readonly url: string;
  /** Value of the Authorization header. */
  readonly authorization?: string;
  readonly tls?: TlsMaterial;
  /** Longest silence, milliseconds; the whole answer may take `TOTAL_FACTOR` times that. */
  readonly timeoutMs: number;
  /** Most bytes after decompression. */
  readonly mostBytes: number;
  /** Default: JSON, which every Eureka since 1.1 speaks. */
  readonly accept?: string;
}

const TOTAL_FACTOR = 12;

/** One keep-alive connection to whichever server is read, TLS included. */
export class AnswerFetcher {
  #agent: { readonly key: string; readonly agent: HttpAgent } | undefined;
  /** `process.hrtime` in milliseconds (the one clock that threads share) when the last bytes came in. */
  lastByteAt = 0;

  /**
   * The body of a 200 answer, decompressed, in chunks. The silence that counts is the server's: time that the reader
   * takes between two chunks does not.
   *
   * @throws AnswerError for everything else.
   */
  async *fetch(request: AnswerRequest, signal: AbortSignal): AsyncGenerator<Buffer> {
    const started = performance.now();
    let onSilence = () => {};
    let waiting = true; // for the server, not for our own reader (a timer that was cleared cannot be refreshed)
    const silence = setTimeout(() => waiting && onSilence(), request.timeoutMs);
    const heard = () => void silence.refresh();
    try {
      const response = await this.#open(request, signal, (fail) => (onSilence = fail));
      response.on('data', () => {
        heard();
        this.lastByteAt = now();
      });
      onSilence = () => response.destroy(timedOut(request));
      let bytes = 0;
      for await (const chunk of bodyOf(response, request.mostBytes)) {
        waiting = false;
        bytes += chunk.length;
        if (bytes > request.mostBytes) throw tooLarge(request);
        if (performance.now() - started > request.timeoutMs * TOTAL_FACTOR) throw timedOut(request);
        yield chunk;
        waiting = true;
        heard();
      }
    } catch (thrown) {
      if (thrown instanceof AnswerError) throw thrown;
      throw failed(request, thrown);
    } finally {
      clearTimeout(silence);
    }
  }

  close(): void {
    this.#agent?.agent.destroy();
    this.#agent = undefined;
  }

  async #open(request: AnswerRequest, signal: AbortSignal, setOnSilence: (fail: () => void) => void): Promise<IncomingMessage> {
    for (let attempt = 0; ; attempt += 1) {
      const call = this.#request(request, signal);
      setOnSilence(() => call.destroy(timedOut(request)));
      try {
        const response = await new Promise<IncomingMessage>((resolve, reject) => {
          call.on('response', resolve).on('error', reject).end();
        });
        checkStatus(request, response);
        return response;
      } catch (thrown) {
        // The server closed the idle connection in the moment in which we used it again: that says nothing about it.
        if (attempt === 0 && call.reusedSocket && isReset(thrown)) continue;
        throw thrown;
      }
    }
  }

  #request(request: AnswerRequest, signal: AbortSignal): ClientRequest {
    const url = new URL(request.url);
    const secure = url.protocol === 'https:';
    const key = JSON.stringify([secure, secure ? request.tls : undefined]);
    if (this.#agent?.key !== key) {
      this.close();
      const options = { keepAlive: true, maxSockets: 1 };
      this.#agent = { key, agent: secure ? new HttpsAgent({ ...options, ...request.tls }) : new HttpAgent(options) };
    }
    const headers = {
      accept: request.accept ?? 'application/json',
      'accept-encoding': 'gzip',
      'user-agent': 'isthmus',
      ...(request.authorization === undefined ? {} : { authorization: request.authorization }),
    };
    return (secure ? httpsRequest : httpRequest)(url, { agent: this.#agent.agent, headers, signal });
  }
}

/** Milliseconds of `process.hrtime`. */
export function now(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

/** A compressed body up to this size is expanded at once: a turn through zlib's threads takes longer than the work. */
const SMALL_BODY = 64 * 1024;

function bodyOf(response: IncomingMessage, mostBytes: number): AsyncIterable<Buffer> {
  const encoding = response.headers['content-encoding'] ?? 'identity';
  if (encoding === 'identity') return response;
  if (encoding !== 'gzip' && encoding !== 'x-gzip') {
    throw new AnswerError('answer.invalid', `the answer is encoded as ${encoding}, which was not asked for`);
  }
  if (Number(response.headers['content-length'] ?? Number.NaN) <= SMALL_BODY) return expandSmall(response, mostBytes);
  const gunzip = createGunzip({ chunkSize: 128 * 1024 }); // 16 kB by default: eight times as many turns of the loop
  pipeline(response, gunzip, () => {}); // an error destroys gunzip with it, and its reader throws it
  return gunzip;
}

async function* expandSmall(response: IncomingMessage, mostBytes: number): AsyncGenerator<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of response as AsyncIterable<Buffer>) chunks.push(chunk);
  // One byte more than is allowed, so that the caller sees that it is too much.
  yield gunzipSync(Buffer.concat(chunks), { maxOutputLength: mostBytes + 1 });
}

function checkStatus(request: AnswerRequest, response: IncomingMessage): void {
  const status = response.statusCode ?? 0;
  if (status === 200) return;
  response.destroy();
  const { code, what, remedy } = statusFailure(request, status, response.headers.location);
  throw new AnswerError(code, what, remedy, status);
}

function statusFailure(
  request: AnswerRequest,
  status: number,
  location: string | undefined,
): { readonly code: ReadFailure['code']; readonly what: string; readonly remedy?: string } {
  const answers = `${request.url} answers ${status}`;
  if (status === 401) {
    const why = request.authorization === undefined ? 'credentials are missing' : 'user name or password is wrong';
    return { code: 'registry.auth', what: `${answers} (unauthorized): ${why}` };
  }
  if (status === 403) {
    // ApplicationsResource: also while a server that found no peers waits for instances to register, 5 minutes by default.
    return {
      code: 'registry.auth',
      what: `${answers} (forbidden): the account may not read, or the server has just started empty and lets nobody read yet`,
      remedy: 'wait until the server has started (eureka.server.wait-time-in-ms-when-sync-empty), or check the account’s rights',
    };
  }
  if (status >= 300 && status < 400) {
    return {
      code: 'registry.protocol',
      what: `${answers}, a redirect to ${location ?? 'nowhere'} (a login page?)`,
      remedy: 'allow HTTP basic authentication on /eureka/** and set auth of this registry',
    };
  }
  if (status === 404) return { code: 'registry.protocol', what: `${answers} (not found): Eureka is not under this path` };
  return { code: 'registry.unreachable', what: answers, remedy: 'look into the server’s log' };
}

function tooLarge(request: AnswerRequest): AnswerError {
  return new AnswerError(
    'answer.too-large',
    `${request.url} answers more than ${Math.floor(request.mostBytes / 1024 / 1024)} MiB`,
  );
}

function timedOut(request: AnswerRequest): AnswerError {
  return new AnswerError('registry.timeout', `${request.url} does not answer within ${request.timeoutMs} ms`);
}

function isReset(thrown: unknown): boolean {
  return thrown instanceof Error && 'code' in thrown && (thrown.code === 'ECONNRESET' || thrown.code === 'EPIPE');
}

function failed(request: AnswerRequest, thrown: unknown): AnswerError {
  const code = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : '';
  if (code === 'ERR_BUFFER_TOO_LARGE') return tooLarge(request);
  if (code.startsWith('Z_'))
    return new AnswerError('answer.invalid', `${request.url}: the compressed answer is damaged or truncated`);
  const tls = /CERT|TLS|SSL|SELF_SIGNED|UNABLE_TO_VERIFY/.test(code);
  return new AnswerError(
    'registry.unreachable',
    `${request.url} cannot be reached: ${messageOf(thrown) || code}`,
    ...(tls ? ['set tls.caFile of this registry to the authority that signed the server’s certificate'] : []),
  );
}
