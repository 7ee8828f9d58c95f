import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';

/** Between a source and a server on loopback: passes everything on, later when it is told to. */
export class SlowLink {
  readonly #servers: Server[] = [];
  readonly #sockets = new Set<Socket>();
  #port = 0;
  /** Each way, milliseconds; order is kept. */
  delayMs = 0;

  private constructor() {}

  /** Listens on as many ports as there are targets, at the same distances. */
  static async open(targets: readonly [number, ...number[]]): Promise<SlowLink> {
    for (let attempt = 0; attempt < 20; attempt += 1) {
      const link = new SlowLink();
      try {
        for (const target of targets) await link.#listen(target, link.#port === 0 ? 0 : link.#port + target - targets[0]);
        return link;
      } catch (thrown) {
        await link.close();
        if ((thrown as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw thrown;
      }
    }
    throw new Error(`no ${targets.length} free ports at the distances of ${targets.join(', ')}`);
  }

  /** Instead of the first target. */
  get port(): number {
    return this.#port;
  }

  /** Ends what is connected; new connections are let in. */
  drop(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async close(): Promise<void> {
    this.drop();
    await Promise.all(this.#servers.map((server) => new Promise((resolve) => server.close(resolve))));
  }

  async #listen(target: number, port: number): Promise<void> {
    const server = createServer({ allowHalfOpen: true }, (socket) => this.#carry(socket, target));
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, '127.0.0.1', resolve));
    this.#servers.push(server);
    if (this.#port === 0) this.#port = (server.address() as AddressInfo).port;
  }

  #carry(client: Socket, target: number): void {
    const server = connect({ port: target, host: '127.0.0.1', allowHalfOpen: true });
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#sockets.add(from);
      from.on('error', () => to.destroy());
      from.on('data', (bytes: Buffer) => this.#later(() => to.writable && to.write(bytes)));
      from.on('end', () => this.#later(() => to.end()));
      from.on('close', () => {
        this.#sockets.delete(from);
        this.#later(() => to.destroy());
      });
    }
  }

  /** Timers of one length fire in order; what came before a change of `delayMs` may be overtaken, so change it while all is quiet. */
  #later(work: () => void): void {
    if (this.delayMs === 0) work();
    else setTimeout(work, this.delayMs);
  }
}
