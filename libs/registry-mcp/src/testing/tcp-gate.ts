import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';

/** Stands before a server of a test: refuses, or accepts and carries nothing, while the server itself goes on. */
export class TcpGate {
  readonly #target: number;
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;
  #port = 0;
  #hangs = false;

  constructor(target: number) {
    this.#target = target;
  }

  get port(): number {
    return this.#port;
  }

  get address(): string {
    return `127.0.0.1:${this.#port}`;
  }

  get connections(): number {
    return this.#sockets.size;
  }

  async open(): Promise<void> {
    const server = createServer((socket) => this.#carry(socket));
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen(this.#port, '127.0.0.1', resolve));
    this.#port = (server.address() as AddressInfo).port;
    this.#server = server;
  }

  async close(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    this.drop();
    if (server !== undefined) await new Promise((resolve) => server.close(resolve));
  }

  /** Ends what is connected; new connections are let in. */
  drop(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  hang(): void {
    this.#hangs = true;
    for (const socket of this.#sockets) socket.unpipe().pause();
  }

  /** What hung is gone; new connections are carried. */
  resume(): void {
    this.#hangs = false;
    this.drop();
  }

  #carry(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('error', () => undefined).on('close', () => this.#sockets.delete(socket));
    if (this.#hangs) return void socket.pause();
    const upstream = connect(this.#target, '127.0.0.1');
    upstream.on('error', () => socket.destroy()).on('close', () => socket.destroy());
    socket.on('close', () => upstream.destroy());
    socket.pipe(upstream);
    upstream.on('data', (chunk) => {
      if (!this.#hangs) socket.write(chunk);
    });
  }
}
