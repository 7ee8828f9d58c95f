import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingHttpHeaders, IncomingMessage, Server, ServerResponse } from 'node:http';
import { connect, createServer as createTcpServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';

export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly authority: string;
  readonly headers: IncomingHttpHeaders;
}

/**
 * An instance that keeps what it saw and answers its name. A call tells it how to behave by the header `x-ask`, a list such as
 * `v1:503 v2:hang`: a status, `hang` (never an answer) or `reset` (the connection ends) of the instances named.
 */
export class Instance {
  readonly name: string;
  readonly address: string;
  readonly port: number;
  readonly seen: SeenRequest[] = [];
  /** What it answers where a call asks for nothing. */
  status = 200;
  readonly #server: Server;
  #holding: (() => Promise<void>) | undefined;

  private constructor(name: string, server: Server) {
    this.name = name;
    this.#server = server;
    ({ address: this.address, port: this.port } = server.address() as AddressInfo);
  }

  /** @param address one of 127.0.0.0/8: istiod tells instances apart by their addresses */
  static async start(name: string, address: string): Promise<Instance> {
    const server = createServer({ keepAliveTimeout: 0 });
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, address, resolve));
    const instance = new Instance(name, server);
    server.on('request', (request, response) => instance.#answer(request, response));
    return instance;
  }

  /** Its connections end and new ones are refused; its port stays taken, or whoever is given it next answers its callers. */
  async refuse(): Promise<void> {
    await this.#close();
    this.#holding = await holdPort(this.address, this.port);
  }

  async stop(): Promise<void> {
    await this.#close();
    await this.#holding?.();
  }

  async #close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #answer({ method = '', url = '', headers, socket }: IncomingMessage, response: ServerResponse): void {
    this.seen.push({ method, path: url, authority: headers.host ?? '', headers });
    const asked = /(?:^|\s)ALL:(\w+)/.exec(`${String(headers['x-ask'])}`.replaceAll(`${this.name}:`, 'ALL:'))?.[1];
    if (asked === 'hang') return;
    if (asked === 'reset') return void socket.destroy();
    response.writeHead(Number(asked ?? this.status), { 'x-instance': this.name, 'x-secret': 'inside' });
    response.end(this.name);
  }
}

/** Nothing listens there and nobody else can: the port is that of a connection to elsewhere. Resolves to what gives it back. */
async function holdPort(localAddress: string, localPort: number): Promise<() => Promise<void>> {
  const peer = createTcpServer((socket: Socket) => void socket.resume());
  await new Promise<void>((resolve, reject) => peer.once('error', reject).listen(0, '127.0.0.1', resolve));
  const { port } = peer.address() as AddressInfo;
  const held = connect({ host: '127.0.0.1', port, localAddress, localPort });
  await once(held, 'connect');
  return async () => {
    held.destroy();
    await new Promise((resolve) => peer.close(resolve));
  };
}
