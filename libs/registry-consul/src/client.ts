import { EventEmitter } from 'node:events';
import Consul from 'consul';
import { answerOf } from './answer.ts';
import type { Answer } from './answer.ts';
import { failureOf } from './failure.ts';
import type { Transport } from './transport.ts';

export interface Query {
  /** Datacenter to ask; undefined: the agent's own. */
  readonly dc: string | undefined;
  /** Of the last answer; 0 or absent: answer at once. */
  readonly index?: number;
  /** Milliseconds that Consul may hold the answer back, when `index` is given. */
  readonly waitMs?: number;
  /** Cancels just this call. */
  readonly cancel?: EventEmitter;
}

/** The hook of papi that npm `consul` is built on; neither package has types for it. */
interface Papi {
  _put(request: object): Promise<unknown>;
  _post(request: object): Promise<unknown>;
  _ext(event: 'onRequest', run: (request: { transport: Transport }, next: () => void) => void): void;
}
type Options = Record<string, unknown>;
type Call = (options: Options) => Promise<unknown>;
type Response = { readonly headers: Readonly<Record<string, string | string[] | undefined>>; readonly body?: unknown };

/**
 * The calls that the source makes, through npm `consul`. Not through its `watch()`: that ends for good on a 400,
 * shows neither the ACL nor the leader headers, has one backoff per watch (thousands of watches of a dead agent would
 * each knock), and keeps a body of any size. So the blocking-query loop is ours and the client's calls do the rest.
 */
export class ConsulClient {
  readonly #server: string;
  readonly #token: string | undefined;
  readonly #timeoutMs: number;
  readonly #transport: Transport;
  readonly #consul: Consul;
  #lastAnswerMs = 0;

  constructor(server: URL, token: string | undefined, timeoutMs: number, transport: Transport) {
    this.#server = server.origin;
    this.#token = token;
    this.#timeoutMs = timeoutMs;
    this.#transport = transport;
    const raw = (body: Buffer) => body; // decoded by us: fatal on invalid UTF-8, large ones in a worker
    const options = {
      baseUrl: `${server.origin}${server.pathname.replace(/\/+$/, '')}/v1`,
      decoders: { 'application/json': raw, 'text/html': raw, 'text/json': raw, 'text/plain': raw },
    };
    this.#consul = new Consul(options as object);
    (this.#consul as unknown as Papi)._ext('onRequest', (request, next) => {
      request.transport = transport;
      next();
    });
  }

  /** `performance.now()` of the last answer to any call. */
  get lastAnswerMs(): number {
    return this.#lastAnswerMs;
  }

  /** Milliseconds since then; undefined: nothing was answered yet. */
  get sinceAnswerMs(): number | undefined {
    return this.#lastAnswerMs === 0 ? undefined : performance.now() - this.#lastAnswerMs;
  }

  /** Where it is connected to, for messages. */
  get server(): string {
    return this.#server;
  }

  /** How many calls can wait at once. */
  get capacity(): number {
    return this.#transport.capacity;
  }

  services(query: Query): Promise<Answer> {
    return this.#call((options) => this.#consul.catalog.service.list(options as never), query);
  }

  health(service: string, query: Query): Promise<Answer> {
    return this.#call((options) => this.#consul.health.service({ ...options, service } as never), query);
  }

  checks(state: 'critical' | 'warning', query: Query): Promise<Answer> {
    return this.#call((options) => this.#consul.health.state({ ...options, state } as never), query);
  }

  nodes(query: Query): Promise<Answer> {
    return this.#call((options) => this.#consul.catalog.node.list(options as never), query);
  }

  leader(query: Query): Promise<Answer> {
    return this.#call((options) => this.#consul.status.leader(options as never), query);
  }

  datacenters(): Promise<Answer> {
    return this.#call((options) => this.#consul.catalog.datacenters(options as never), { dc: undefined });
  }

  self(): Promise<Answer> {
    return this.#call((options) => this.#consul.agent.self(options as never), { dc: undefined });
  }

  /**
   * PUT to a path below `/v1`. Resolves with the status: 200, or one of `alsoFine`.
   * @throws ConsulFailure
   */
  async write(path: string, body?: object, alsoFine: readonly number[] = []): Promise<number> {
    const { _put } = this.#consul as unknown as Papi;
    try {
      const response = (await _put.call(this.#consul, this.#request(path, body))) as { readonly statusCode?: number };
      return response.statusCode ?? 200;
    } catch (thrown) {
      const status = (thrown as { readonly response?: { readonly statusCode?: number } }).response?.statusCode;
      if (status !== undefined && alsoFine.includes(status)) return status;
      throw failureOf(thrown, this.#server);
    }
  }

  /** Whether the token may write services of that name; undefined: the server has no ACLs. @throws ConsulFailure */
  async mayWriteService(name: string): Promise<boolean | undefined> {
    const { _post } = this.#consul as unknown as Papi;
    try {
      const asked = [{ Resource: 'service', Access: 'write', Segment: name }];
      const { body } = (await _post.call(this.#consul, this.#request('internal/acl/authorize', asked))) as Response;
      const [answer] = JSON.parse(String(body)) as readonly { readonly Allow?: unknown }[];
      return answer?.Allow === true;
    } catch (thrown) {
      const { response } = thrown as { readonly response?: { readonly body?: unknown } };
      if (/ACL support disabled/i.test(String(response?.body ?? ''))) return undefined;
      throw failureOf(thrown, this.#server);
    }
  }

  close(): Promise<void> {
    return this.#transport.close();
  }

  #request(path: string, body: object | undefined): object {
    return {
      name: path,
      path: `/${path}`,
      ctx: new EventEmitter(),
      timeout: this.#timeoutMs,
      headers: { 'content-type': 'application/json', ...(this.#token === undefined ? {} : { 'x-consul-token': this.#token }) },
      body: Buffer.from(body === undefined ? '' : JSON.stringify(body)),
    };
  }

  /** @throws ConsulFailure */
  async #call(call: Call, query: Query): Promise<Answer> {
    const blocking = query.index !== undefined && query.index > 0;
    const wait = blocking ? (query.waitMs ?? 0) : 0;
    const ctx = Object.assign(query.cancel ?? new EventEmitter(), { includeResponse: true });
    const options: Options = {
      ctx,
      // Consul adds up to a sixteenth of `wait` itself, so that renewals do not come at once.
      timeout: wait + wait / 16 + this.#timeoutMs,
      ...(this.#token === undefined ? {} : { token: this.#token }),
      ...(query.dc === undefined ? {} : { dc: query.dc }),
      ...(blocking ? { index: String(query.index), wait: `${Math.round(wait)}ms` } : {}),
    };
    try {
      const answer = (await call(options)) as [Response];
      // papi resolves with an error that is no instance of its own realm's Error.
      if (!Array.isArray(answer)) throw answer as unknown;
      const [response] = answer;
      this.#lastAnswerMs = performance.now();
      return answerOf(response.headers, response.body);
    } catch (thrown) {
      throw failureOf(thrown, this.#server);
    }
  }
}
