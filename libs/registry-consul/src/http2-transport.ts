import { EventEmitter } from 'node:events';
import type { RequestOptions } from 'node:http';
import http2 from 'node:http2';
import tls from 'node:tls';
import type { TLSSocket } from 'node:tls';
import { guardAnswer, refused } from './transport.ts';
import type { Transport, TransportOptions } from './transport.ts';

/** Go's server allows 250 streams a connection (`http2.Server.MaxConcurrentStreams`); some are left for short calls. */
const STREAMS_PER_CONNECTION = 200;

/** Connects once to see whether the server speaks HTTP/2 (a proxy in front may not). @throws when it cannot be reached. */
export function offersHttp2(
  server: URL,
  options: tls.ConnectionOptions,
  deadlineMs: number,
  signal: AbortSignal,
): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const socket = connect(server, options);
    const timer = setTimeout(() => socket.destroy(Object.assign(new Error('no TLS handshake'), { isTimeout: true })), deadlineMs);
    const abort = () => socket.destroy(new Error('aborted'));
    signal.addEventListener('abort', abort);
    if (signal.aborted) abort();
    socket.on('close', () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', abort);
    });
    socket.on('error', reject);
    socket.on('secureConnect', () => {
      resolve(socket.alpnProtocol === 'h2');
      socket.destroy();
    });
  });
}

function connect(server: URL, options: tls.ConnectionOptions): TLSSocket {
  const host = server.hostname.replace(/^\[|\]$/g, '');
  const name = options.servername === undefined && !/^[\d.]+$|:/.test(host) ? { servername: host } : {};
  const socket = tls.connect({ host, port: Number(server.port || 443), ...name, ...options, ALPNProtocols: ['h2', 'http/1.1'] });
  return socket.setKeepAlive(true, 15_000);
}

/**
 * HTTP/2 over TLS: hundreds of waiting calls on one connection, so that thousands of services stay far below
 * Consul's limit of connections. Looks to papi like `node:http`.
 */
export class Http2Transport implements Transport {
  readonly capacity: number;
  readonly #options: TransportOptions;
  readonly #sessions = new Map<http2.ClientHttp2Session, Set<Http2Call>>();
  #closed = false;

  constructor(options: TransportOptions) {
    this.#options = options;
    this.capacity = options.maxConnections * STREAMS_PER_CONNECTION;
  }

  request(options: RequestOptions): EventEmitter {
    if (this.#closed) return refused();
    return new Http2Call(options, (call) => this.#start(call));
  }

  #start(call: Http2Call): void {
    const [session, calls] = this.#pick();
    calls.add(call);
    call.run(session, this.#options, () => calls.delete(call));
  }

  #pick(): [http2.ClientHttp2Session, Set<Http2Call>] {
    let least: [http2.ClientHttp2Session, Set<Http2Call>] | undefined;
    for (const entry of this.#sessions) {
      if (entry[1].size < STREAMS_PER_CONNECTION) return entry;
      if (least === undefined || entry[1].size < least[1].size) least = entry;
    }
    if (least !== undefined && this.#sessions.size >= this.#options.maxConnections) return least;
    const { server } = this.#options;
    const session = http2.connect(server.origin, { createConnection: () => connect(server, this.#options.tls) });
    const calls = new Set<Http2Call>();
    this.#sessions.set(session, calls);
    const gone = () => {
      this.#sessions.delete(session);
      for (const call of calls) call.fail(new Error('the HTTP/2 connection ended'));
    };
    session.on('error', gone); // also emitted on each stream; the listener keeps the process alive
    session.on('goaway', gone);
    session.on('close', gone);
    return [session, calls];
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const [session, calls] of [...this.#sessions]) {
      let count = 0;
      for (const call of calls) {
        call.abort();
        call.fail(new Error('closed'));
        count += 1;
        if (count % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
      }
      session.destroy();
    }
  }
}

/** One request with the few methods and events of `http.ClientRequest` that papi uses. */
class Http2Call extends EventEmitter {
  readonly #headers: Record<string, string>;
  readonly #options: RequestOptions;
  readonly #start: (call: Http2Call) => void;
  #stream: http2.ClientHttp2Stream | undefined;
  #done = false;
  /** The path with its query, for papi's log events. */
  readonly path: string;

  constructor(options: RequestOptions, start: (call: Http2Call) => void) {
    super();
    this.#options = options;
    this.#start = start;
    this.path = options.path ?? '/';
    this.#headers = {};
    for (const [name, value] of Object.entries(options.headers ?? {})) this.setHeader(name, String(value));
  }

  getHeader(name: string): string | undefined {
    return this.#headers[name.toLowerCase()];
  }

  setHeader(name: string, value: string): void {
    this.#headers[name.toLowerCase()] = value;
  }

  removeHeader(name: string): void {
    delete this.#headers[name.toLowerCase()];
  }

  /** papi keeps a timer of its own. */
  setTimeout(): void {}

  abort(): void {
    this.#stream?.close(http2.constants.NGHTTP2_CANCEL);
  }

  end(body?: Buffer): void {
    this.#start(this);
    if (body === undefined) this.#stream?.end();
    else this.#stream?.end(body);
  }

  fail(error: Error): void {
    if (this.#done) return;
    this.#done = true;
    this.emit('error', error);
  }

  run(session: http2.ClientHttp2Session, options: TransportOptions, ended: () => void): void {
    const stream = session.request({ ...this.#headers, ':method': this.#options.method ?? 'GET', ':path': this.path });
    this.#stream = stream;
    stream.on('close', () => {
      ended();
      this.fail(new Error(`the HTTP/2 stream ended (${stream.rstCode})`));
    });
    stream.on('error', (error: Error) => this.fail(error));
    stream.on('response', (headers) => {
      this.#done = true; // from here on guardAnswer tells what goes wrong
      const response = Object.assign(stream, { statusCode: Number(headers[':status'] ?? 0), headers, socket: undefined });
      guardAnswer(this, response as typeof response & { headers: Record<string, string> }, () => this.abort(), options);
      this.emit('response', response);
    });
  }
}
