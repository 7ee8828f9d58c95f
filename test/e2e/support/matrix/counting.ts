import { createServer as createHttp } from 'node:http';
import type { Server as HttpServer } from 'node:http';
import { createServer as createHttp2 } from 'node:http2';
import type { Http2Server } from 'node:http2';
import { createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { createServer as createTls } from 'node:tls';
import type { TLSSocket } from 'node:tls';

/** Nothing, as a message of gRPC. */
const NOTHING = Buffer.alloc(5);

/** What a server proves who it is with. */
export interface Proof {
  readonly cert: string;
  readonly key: string;
}

/**
 * A server that counts the calls of each client, by the path's first segment, and says with what Host they came: HTTP/1 and gRPC on one
 * port, as at an Envoy. With a certificate it speaks TLS, and HTTP/2 to those only who speak nothing else.
 */
export class Counting {
  readonly hosts = new Set<string>();
  /** By which names TLS was asked for. */
  readonly serverNames = new Set<string>();
  /** Connections that were opened. */
  tries = 0;
  readonly #seen = new Map<string, number>();
  readonly #server: Server;
  readonly #http: HttpServer;
  readonly #http2: Http2Server;
  readonly #sockets = new Set<Socket>();

  constructor(proof?: Proof) {
    this.#http = createHttp({ keepAliveTimeout: 0 }, ({ url = '', headers }, response) => {
      this.#count(url, headers.host);
      response.end('ok');
    });
    this.#http2 = createHttp2().on('stream', (stream, headers) => {
      this.#count(headers[':path'] ?? '', headers[':authority']);
      stream.on('error', () => stream.destroy());
      stream.resume();
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
      stream.end(NOTHING);
    });
    if (proof !== undefined) {
      this.#server = createTls({ ...proof, ALPNProtocols: ['http/1.1', 'h2'] }, (socket) => {
        this.#keep(socket);
        this.serverNames.add((socket as TLSSocket & { readonly servername?: string | false }).servername || '');
        (socket.alpnProtocol === 'h2' ? this.#http2 : this.#http).emit('connection', socket);
      });
      this.#server.on('connection', () => (this.tries += 1));
      return;
    }
    this.#server = createServer((socket) => {
      this.#keep(socket);
      socket.once('readable', () => {
        const first = socket.read() as Buffer | null;
        if (first === null) return;
        socket.unshift(first);
        // RFC 9113, 3.4: the preface begins with PRI, which no method does.
        (first[0] === 0x50 && first[1] === 0x52 ? this.#http2 : this.#http).emit('connection', socket);
      });
    });
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('close', () => this.#sockets.delete(socket));
    socket.on('error', () => socket.destroy());
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => void this.#server.listen(0, '127.0.0.1', resolve));
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Of these clients, since it was last asked. */
  take(ids: readonly string[]): Readonly<Record<string, number>> {
    const seen = Object.fromEntries(ids.map((id) => [id, this.#seen.get(id) ?? 0]));
    this.#seen.clear();
    return seen;
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  /** `/http`, `/grpc-js-1-8.Names/Who`, `/nest_10_grpc.Names/Who`. */
  #count(path: string, host = ''): void {
    const client = (path.split(/[/.]/)[1] ?? '').replaceAll('_', '-');
    this.#seen.set(client, (this.#seen.get(client) ?? 0) + 1);
    this.hosts.add(host);
  }
}
