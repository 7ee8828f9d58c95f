import http from 'node:http';
import https from 'node:https';
import type { Duplex } from 'node:stream';
import { IsthmusError, messageOf } from '@isthmus/model';
import { TLS_REMEDY, isTlsFailure } from './tls.ts';
import type { TlsNow } from './tls.ts';

export interface HttpAnswer {
  readonly status: number;
  readonly body: Buffer;
}

export interface HttpRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly url: string;
  /** Sent as a form (POST) so that passwords stay out of URLs and access logs. */
  readonly form?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly deadlineMs: number;
}

/** Each connection with the certificates of its time. A resumed session would go on with those of before. */
class RenewingAgent extends https.Agent {
  readonly #tls: TlsNow;

  constructor(options: http.AgentOptions, tls: TlsNow) {
    super({ ...options, maxCachedSessions: 0 });
    this.#tls = tls;
  }

  override createConnection(
    options: https.RequestOptions,
    callback?: (error: Error | null, socket: Duplex) => void,
  ): Duplex | null | undefined {
    const failed = (error: Error): void => callback?.(error, undefined as never);
    this.#tls()
      .then((tls) => {
        const socket = super.createConnection({ ...options, ...tls });
        if (socket) callback?.(null, socket);
      })
      .catch(failed);
    return undefined;
  }
}

/** HTTP to one registry: bounded connections, a deadline and a size limit on every request. `close()` ends all sockets. */
export class HttpClient {
  readonly #agents: { readonly http: http.Agent; readonly https: https.Agent };

  readonly #mostBytes: number;

  /**
   * @param mostBytes More than this in an answer is refused while it is being read.
   * @param tls Asked for each connection to an https URL.
   */
  constructor(mostBytes: number, tls: TlsNow = () => Promise.resolve(undefined), maxSockets = 16) {
    this.#mostBytes = mostBytes;
    const options = { keepAlive: true, maxSockets };
    this.#agents = { http: new http.Agent(options), https: new RenewingAgent(options, tls) };
  }

  /** @throws IsthmusError `registry.unreachable`, `registry.timeout`, `registry.too-large` or `registry.protocol`. */
  send(request: HttpRequest, signal: AbortSignal): Promise<HttpAnswer> {
    const secure = request.url.startsWith('https:');
    const form = request.form === undefined ? undefined : new URLSearchParams(request.form).toString();
    const most = this.#mostBytes;
    const name = `${request.method} ${request.url.replace(/\?.*/, '')}`;
    return new Promise((resolve, reject) => {
      const fail = (error: IsthmusError) => {
        clearTimeout(timer);
        reject(error);
        outgoing.destroy();
      };
      const outgoing = (secure ? https : http).request(request.url, {
        method: request.method,
        agent: secure ? this.#agents.https : this.#agents.http,
        signal,
        headers: {
          ...request.headers,
          ...(form === undefined
            ? {}
            : { 'content-type': 'application/x-www-form-urlencoded', 'content-length': String(Buffer.byteLength(form)) }),
        },
      });
      const timer = setTimeout(() => fail(timedOut(name, request.deadlineMs)), request.deadlineMs);
      outgoing.on('error', (error: NodeJS.ErrnoException) => {
        // "HTTP/1.1 0": how Nacos 2 answers a wrong password; Node's parser refuses the status.
        fail(error.code?.startsWith('HPE_') ? unparsable(name, error) : unreachable(name, error));
      });
      outgoing.on('response', (incoming) => {
        const chunks: Buffer[] = [];
        let size = 0;
        incoming.on('data', (chunk: Buffer) => {
          size += chunk.length;
          if (size > most) fail(tooLarge(name, most));
          else chunks.push(chunk);
        });
        incoming.on('error', (error) => fail(unreachable(name, error)));
        incoming.on('end', () => {
          clearTimeout(timer);
          const body = Buffer.concat(chunks);
          // How Tomcat answers plaintext on a TLS port.
          if (incoming.statusCode === 400 && body.includes('requires TLS')) return fail(speaksTls(name));
          resolve({ status: incoming.statusCode ?? 0, body });
        });
      });
      outgoing.end(form);
    });
  }

  close(): void {
    this.#agents.http.destroy();
    this.#agents.https.destroy();
  }
}

function unreachable(name: string, cause: NodeJS.ErrnoException): IsthmusError {
  const text =
    cause.code !== undefined && !cause.message.includes(cause.code) ? `${cause.code} ${cause.message}` : messageOf(cause);
  const isTls = isTlsFailure(text);
  return new IsthmusError('registry.unreachable', `${name} failed: ${text}${isTls ? `; ${TLS_REMEDY}` : ''}`, {
    remedy: isTls ? TLS_REMEDY : 'check the address, and that Nacos runs there',
    cause,
  });
}

function speaksTls(name: string): IsthmusError {
  return new IsthmusError('registry.unreachable', `${name} failed: the server speaks TLS only; write https:// in servers`, {
    remedy: 'write https:// in servers, and its authority into tls.caFile',
  });
}

function unparsable(name: string, cause: Error): IsthmusError {
  return new IsthmusError('registry.protocol', `the answer to ${name} is no HTTP: ${cause.message}`, { cause });
}

function timedOut(name: string, ms: number): IsthmusError {
  return new IsthmusError('registry.timeout', `${name} was not answered within ${ms} ms`, {
    remedy: 'check whether Nacos hangs or the network drops packets',
  });
}

function tooLarge(name: string, most: number): IsthmusError {
  return new IsthmusError('registry.too-large', `the answer to ${name} is larger than ${most} bytes`, {
    meaning: 'it was refused while it was being read',
    remedy: 'find out what answers there, or narrow namespaces and groups',
  });
}
