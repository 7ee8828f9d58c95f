import { EventEmitter } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import { checkServerIdentity } from 'node:tls';
import type { ConnectionOptions } from 'node:tls';
import { ConsulFailure } from './failure.ts';

/** A service with 50,000 instances (the most that a record takes) is about 30 MB of JSON; more is refused while it is read. */
const MOST_ANSWER_BYTES = 32 * 1024 * 1024;

/** Of silence, before the kernel asks whether the other end is still there. */
const KEEP_ALIVE_MS = 15_000;

/** What papi, the HTTP layer of npm `consul`, wants of `node:http`. */
export interface Transport {
  request(options: http.RequestOptions): EventEmitter;
  /** How many calls can be held open at once. */
  readonly capacity: number;
  /** Ends every call, a hundred a turn of the event loop: thousands at once would stall it. */
  close(): Promise<void>;
}

export interface TransportOptions {
  readonly server: URL;
  readonly tls: ConnectionOptions;
  readonly maxConnections: number;
  readonly onMessage: ((atMs: number) => void) | undefined;
}

/** The part of a response that is guarded; `http.IncomingMessage` and our HTTP/2 responses have it. */
interface Guarded extends EventEmitter {
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
}

/**
 * papi collects an answer of any size and waits for ever when a body breaks off (it listens to `end` only).
 * This ends the call in both cases.
 */
export function guardAnswer(call: EventEmitter, response: Guarded, end: () => void, options: TransportOptions): void {
  let bytes = 0;
  let ended = false;
  const fail = (failure: Error) => {
    if (ended) return;
    ended = true;
    call.emit('error', failure);
    end();
  };
  const tooLarge = () =>
    fail(new ConsulFailure('answer', `the answer is larger than ${MOST_ANSWER_BYTES} bytes`, 'answer.too-large'));
  response.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > MOST_ANSWER_BYTES) tooLarge();
  });
  response.prependListener('end', () => {
    ended = true;
    options.onMessage?.(performance.now());
  });
  response.on('error', fail);
  response.on('close', () => fail(new Error('the connection broke off in the middle of an answer')));
  if (Number(response.headers['content-length'] ?? 0) > MOST_ANSWER_BYTES) tooLarge();
}

/** HTTP/1.1: one connection per call that waits. */
export class Http1Transport implements Transport {
  readonly capacity: number;
  readonly #options: TransportOptions;
  readonly #agent: http.Agent;
  readonly #open = new Set<http.ClientRequest>();
  #closed = false;

  constructor(options: TransportOptions) {
    this.#options = options;
    this.capacity = options.maxConnections;
    const pool = {
      keepAlive: true,
      // The same as of a new socket: another one would be two system calls each time that a call takes a socket and gives it back.
      keepAliveMsecs: KEEP_ALIVE_MS,
      maxSockets: options.maxConnections,
      maxTotalSockets: options.maxConnections,
      scheduling: 'lifo',
    } as const;
    const tls = { ...options.tls, ALPNProtocols: ['http/1.1'] };
    this.#agent = options.server.protocol === 'https:' ? new https.Agent({ ...pool, ...tls }) : new http.Agent(pool);
  }

  request(given: http.RequestOptions): EventEmitter {
    if (this.#closed) return refused();
    const secure = this.#options.server.protocol === 'https:';
    const options = secure ? { ...given, ...this.#options.tls, agent: this.#agent } : { ...given, agent: this.#agent };
    const call = (secure ? https : http).request(options);
    this.#open.add(call);
    call.on('close', () => this.#open.delete(call));
    call.on('socket', (socket) => socket.setKeepAlive(true, KEEP_ALIVE_MS));
    call.prependListener('response', (response) => guardAnswer(call, response, () => call.destroy(), this.#options));
    return call;
  }

  async close(): Promise<void> {
    this.#closed = true;
    let count = 0;
    for (const call of this.#open) {
      call.destroy(new Error('closed'));
      count += 1;
      if (count % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    this.#agent.destroy();
  }
}

/** A call on a transport that is closed: fails on its own, after papi has put its listeners on it. */
export function refused(): EventEmitter {
  const call = Object.assign(new EventEmitter(), {
    getHeader: () => '',
    setHeader: () => undefined,
    removeHeader: () => undefined,
    setTimeout: () => undefined,
    abort: () => undefined,
    end: () => process.nextTick(() => call.emit('error', new Error('closed'))),
  });
  return call;
}

/** TLS options for a server whose certificate may name another host than the one dialled. */
export function expectServerName(serverName: string | undefined): ConnectionOptions {
  if (serverName === undefined) return {};
  return { servername: serverName, checkServerIdentity: (_host, certificate) => checkServerIdentity(serverName, certificate) };
}
