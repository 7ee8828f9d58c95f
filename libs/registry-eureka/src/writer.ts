import { Agent as HttpAgent, request as httpRequest } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { IsthmusError, messageOf, within } from '@isthmus/model';
import type { EurekaConfig } from './config.ts';
import { readCredentials } from './credentials.ts';
import type { Credentials } from './credentials.ts';

/** One application has at most some thousand instances of about 1 kB. */
const MOST_ANSWER_BYTES = 32 * 1024 * 1024;
const MOST_CONNECTIONS = 16;

export interface WriterAnswer {
  readonly status: number;
  /** Undefined where the body is empty. */
  readonly json: unknown;
}

type Method = 'GET' | 'POST' | 'PUT' | 'DELETE';

/** The small calls of a client that registers, to one server. */
export class EurekaWriter {
  readonly #url: string;
  readonly #credentials: Credentials;
  readonly #timeoutMs: number;
  readonly #agent: HttpAgent;

  private constructor(url: string, credentials: Credentials, timeoutMs: number) {
    this.#url = url;
    this.#credentials = credentials;
    this.#timeoutMs = timeoutMs;
    const pool = { keepAlive: true, maxSockets: MOST_CONNECTIONS };
    this.#agent = url.startsWith('https:') ? new HttpsAgent({ ...pool, ...credentials.tls }) : new HttpAgent(pool);
  }

  /** @throws AnswerError when a secret or certificate cannot be read. */
  static async open(config: EurekaConfig, baseDir: string, attempt: number): Promise<EurekaWriter> {
    const url = config.servers[attempt % config.servers.length] as string;
    return new EurekaWriter(url, await readCredentials(config, baseDir), config.timeout);
  }

  /**
   * @param alsoFine statuses beside 2xx that are no error
   * @throws IsthmusError `registry.unreachable`, `.timeout`, `.auth`, `.protocol` or `.too-large`
   */
  async call(
    method: Method,
    path: string,
    body: object | undefined,
    alsoFine: readonly number[],
    signal: AbortSignal,
  ): Promise<WriterAnswer> {
    const what = `${method} ${this.#url}${path}`;
    const { status, text } = await this.#send(method, path, body === undefined ? '' : JSON.stringify(body), what, signal);
    if ((status >= 200 && status < 300) || alsoFine.includes(status))
      return { status, json: status < 300 ? parse(text, what) : undefined };
    if (status === 401 || status === 403) throw denied(what, status);
    if (status >= 502)
      throw new IsthmusError('registry.unreachable', `${what} answers ${status}`, { remedy: 'look into its log' });
    throw new IsthmusError('registry.protocol', `${what} answers ${status} ${text.slice(0, 200)}`, {
      meaning: 'the service is not published there',
      remedy: 'check the URL: Spring Cloud serves /eureka, Netflix’s own server /eureka/v2',
    });
  }

  close(): void {
    this.#agent.destroy();
  }

  #send(
    method: Method,
    path: string,
    payload: string,
    what: string,
    signal: AbortSignal,
  ): Promise<{ status: number; text: string }> {
    const { authorization } = this.#credentials;
    const headers = {
      accept: 'application/json',
      'user-agent': 'isthmus',
      'content-length': Buffer.byteLength(payload),
      ...(payload === '' ? {} : { 'content-type': 'application/json' }),
      ...(authorization === undefined ? {} : { authorization }),
    };
    const secure = this.#url.startsWith('https:');
    const send = (limited: AbortSignal) =>
      new Promise<{ status: number; text: string }>((resolve, reject) => {
        const isLate = () => limited.aborted && !signal.aborted;
        const fail = (thrown: unknown) => reject(failureOf(thrown, what, isLate() ? this.#timeoutMs : undefined));
        const options = { method, headers, agent: this.#agent, signal: limited };
        const call = (secure ? httpsRequest : httpRequest)(`${this.#url}${path}`, options, (response) => {
          const chunks: Buffer[] = [];
          let size = 0;
          response.on('data', (chunk: Buffer) => {
            size += chunk.length;
            if (size > MOST_ANSWER_BYTES)
              response.destroy(new IsthmusError('registry.too-large', `the answer to ${what} is too large`));
            else chunks.push(chunk);
          });
          response.on('error', fail);
          response.on('end', () => resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString('utf8') }));
        });
        call.on('error', fail);
        call.end(payload);
      });
    return within(this.#timeoutMs, signal, send);
  }
}

function parse(text: string, what: string): unknown {
  if (text.trim() === '') return undefined;
  try {
    return JSON.parse(text);
  } catch {
    throw new IsthmusError('registry.protocol', `the answer to ${what} is no JSON`, {
      remedy: 'check the URL; a proxy or a login filter may stand in between',
    });
  }
}

function failureOf(thrown: unknown, what: string, timeoutMs: number | undefined): IsthmusError {
  if (IsthmusError.is(thrown)) return thrown;
  if (timeoutMs !== undefined)
    return new IsthmusError('registry.timeout', `${what} was not answered within ${timeoutMs} ms`, { cause: thrown });
  return new IsthmusError('registry.unreachable', `${what} failed: ${messageOf(thrown)}`, { cause: thrown });
}

function denied(what: string, status: number): IsthmusError {
  return new IsthmusError(
    'registry.auth',
    `${what} answers ${status}: user name or password is wrong, or the account may not write`,
    {
      meaning: 'nothing is published there',
      remedy: 'set auth of this registry to an account that may register (docs/way-back.md, Rights)',
    },
  );
}
