import { createServer } from 'node:http';
import type { IncomingHttpHeaders, Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** An instance of a legacy service: answers its own name and counts. */
export class Backend {
  readonly name: string;
  readonly address: string;
  readonly port: number;
  calls = 0;
  /** Told of each call. */
  onCall: (headers: IncomingHttpHeaders) => void = () => undefined;
  readonly #server: Server;

  private constructor(name: string, server: Server) {
    this.name = name;
    this.#server = server;
    ({ address: this.address, port: this.port } = server.address() as AddressInfo);
  }

  /** @param address one of 127.0.0.0/8; port 0 takes a free one */
  static async start(name: string, address = '127.0.0.1', port = 0): Promise<Backend> {
    // Without a limit: a connection that ends just when the next call comes is nobody's fault, and a retry's affair.
    const server = createServer({ keepAliveTimeout: 0 });
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, address, resolve));
    const backend = new Backend(name, server);
    server.on('request', ({ headers }, response) => {
      backend.calls += 1;
      backend.onCall(headers);
      response.end(name);
    });
    return backend;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
