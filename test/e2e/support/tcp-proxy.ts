import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';

const LOOPBACK = { host: '127.0.0.1', port: 0 };

/**
 * Between a client and a server on loopback, on loopback itself unless it is started elsewhere; cut, it keeps every connection open and
 * forwards nothing, as a lost network does.
 */
export class TcpProxy {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #target: number;
  #isCut = false;
  #accepted = 0;

  private constructor(target: number) {
    this.#target = target;
    this.#server = createServer((client) => {
      this.#accepted += 1;
      const server = connect(this.#target, '127.0.0.1');
      for (const [from, to] of [
        [client, server],
        [server, client],
      ] as const) {
        this.#sockets.add(from);
        from.on('error', () => to.destroy());
        from.on('close', () => {
          this.#sockets.delete(from);
          to.destroy();
        });
        from.on('data', (bytes) => {
          if (!this.#isCut) to.write(bytes);
        });
      }
    });
  }

  static async start(target: number, at: { readonly host: string; readonly port: number } = LOOPBACK): Promise<TcpProxy> {
    const proxy = new TcpProxy(target);
    await new Promise<void>((resolve) => proxy.#server.listen(at.port, at.host, resolve));
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Connections since the start. */
  get accepted(): number {
    return this.#accepted;
  }

  /** What is connected is ended; whoever comes next reaches the other. */
  moveTo(target: number): void {
    this.#target = target;
    this.heal();
  }

  cut(): void {
    this.#isCut = true;
  }

  /** What was under way is lost; new connections work. */
  heal(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#isCut = false;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}
