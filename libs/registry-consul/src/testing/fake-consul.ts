import { createServer } from 'node:http';
import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http';
import { createSecureServer } from 'node:http2';
import type { AddressInfo, Socket } from 'node:net';
import { FakeCatalog } from './fake-catalog.ts';

export interface FakeOptions {
  readonly datacenter?: string;
  /** Answers 403 to any other token; without one (`anonymous`) lists are empty and unmarked, as with a default policy of deny. */
  readonly token?: string;
  /** Connections after this many get a 429 and are closed (`limits.http_max_conns_per_client`). */
  readonly maxConnections?: number;
  /** HTTPS with HTTP/2, as Consul's https port. */
  readonly tls?: { readonly key: Buffer; readonly cert: Buffer };
  /** Answers blocking health queries as the agent's streaming cache does: no ACL mark, no leader. */
  readonly streaming?: boolean;
}

/** What to answer instead, for one request whose path starts with a given text. */
export interface Instead {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: string | Buffer;
  /** Breaks the connection off after the body. */
  readonly cut?: boolean;
}

/** A Consul agent as far as the source can see it: blocking queries, indexes, ACLs, limits; and what breaks it. */
export class FakeConsul {
  catalog: FakeCatalog = new FakeCatalog();
  /** Paths asked for, with their query. */
  readonly asked: string[] = [];
  hanging = false;
  leader = '127.0.0.1:8300';
  /** Set another one to revoke it. */
  token: string | undefined;
  /** Services that the token may not see. */
  readonly hidden = new Set<string>();
  readonly instead = new Map<string, Instead>();
  readonly #options: FakeOptions;
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;
  #port = 0;

  constructor(options: FakeOptions = {}) {
    this.#options = options;
    this.token = options.token;
  }

  get url(): string {
    return `${this.#options.tls === undefined ? 'http' : 'https'}://127.0.0.1:${this.#port}`;
  }

  get port(): number {
    return this.#port;
  }

  get connections(): number {
    return this.#sockets.size;
  }

  async up(): Promise<void> {
    const handler: RequestListener = (request, response) => this.#handle(request, response);
    const { tls } = this.#options;
    const server =
      tls === undefined
        ? createServer(handler)
        : (createSecureServer({ ...tls, allowHTTP1: true }, handler as never) as unknown as Server);
    this.#server = server;
    server.on('connection', (socket: Socket) => this.#accept(socket));
    await new Promise<void>((resolve) => server.listen(this.#port, '127.0.0.1', resolve));
    this.#port = (server.address() as AddressInfo).port;
  }

  async down(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    const closed = new Promise<void>((resolve) => (server === undefined ? resolve() : server.close(() => resolve())));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
    this.hanging = false;
  }

  #accept(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('close', () => this.#sockets.delete(socket));
    socket.on('error', () => undefined);
    if (this.#sockets.size <= (this.#options.maxConnections ?? Number.POSITIVE_INFINITY)) return;
    const text = 'Your IP is issuing too many concurrent connections, please rate limit your calls\n';
    socket.end(
      `HTTP/1.1 429 Too Many Requests\r\nContent-Type: text/plain\r\nContent-Length: ${text.length}\r\nConnection: close\r\n\r\n${text}`,
    );
  }

  #handle(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url ?? '/', 'http://consul');
    this.asked.push(`${url.pathname}${url.search}`);
    if (this.hanging) return;
    for (const [start, instead] of this.instead) if (url.pathname.startsWith(start)) return send(response, instead);
    const { token } = this;
    const { datacenter = 'dc1' } = this.#options;
    const given = request.headers['x-consul-token'];
    if (token !== undefined && given !== undefined && given !== token) return text(response, 403, 'ACL not found');
    const dc = url.searchParams.get('dc');
    if (dc !== null && dc !== datacenter) return text(response, 500, 'No path to datacenter');
    if (url.pathname === '/v1/status/leader') return json(response, this.leader, {});
    if (url.pathname === '/v1/catalog/datacenters') return json(response, [datacenter], {});
    if (url.pathname === '/v1/agent/self') {
      if (token !== undefined && given === undefined) return text(response, 403, 'Permission denied');
      return json(response, { Config: { Datacenter: datacenter, Version: '1.22.7' } }, {});
    }
    if (this.leader === '') return text(response, 500, 'No cluster leader');
    this.#query(url, token !== undefined && given === undefined, response);
  }

  #query(url: URL, anonymous: boolean, response: ServerResponse): void {
    const [, , area, what, name = ''] = url.pathname.split('/').map(decodeURIComponent);
    const min = Number(url.searchParams.get('index') ?? 0);
    const wait = Number.parseFloat(url.searchParams.get('wait') ?? '0');
    const index = () => this.catalog.index(`${area}/${what}`, name);
    const answer = () => {
      const { body, filtered } = this.catalog.read(`${area}/${what}`, name, (service) => !this.hidden.has(service));
      const streaming = this.#options.streaming === true && what === 'service' && min > 0;
      const empty = Array.isArray(body) ? [] : {};
      json(response, anonymous ? empty : body, {
        'X-Consul-Index': String(index()),
        'X-Consul-Default-ACL-Policy': this.#options.token === undefined ? 'allow' : 'deny',
        'X-Consul-KnownLeader': streaming ? 'false' : 'true',
        'X-Consul-Query-Backend': streaming ? 'streaming' : 'blocking-query',
        ...(filtered && !streaming && !anonymous ? { 'X-Consul-Results-Filtered-By-ACLs': 'true' } : {}),
      });
    };
    if (min === 0 || index() > min) return answer();
    const done = this.catalog.onChange(() => {
      if (!this.hanging && index() > min) finish();
    });
    const finish = () => {
      clearTimeout(timer);
      done();
      answer();
    };
    const timer = setTimeout(finish, wait);
    response.on('close', () => {
      clearTimeout(timer);
      done();
    });
  }
}

function json(response: ServerResponse, body: unknown, headers: Record<string, string>): void {
  response.writeHead(200, { 'Content-Type': 'application/json', ...headers }).end(JSON.stringify(body));
}

function text(response: ServerResponse, status: number, body: string): void {
  response.writeHead(status, { 'Content-Type': 'text/plain' }).end(body);
}

function send(response: ServerResponse, { status = 200, headers = {}, body, cut = false }: Instead): void {
  const length = Buffer.byteLength(body) + (cut ? 10 : 0);
  response.writeHead(status, {
    'Content-Type': 'application/json',
    'X-Consul-Index': '7',
    'Content-Length': String(length),
    ...headers,
  });
  if (!cut) return void response.end(body);
  response.write(body, () => response.destroy());
}
