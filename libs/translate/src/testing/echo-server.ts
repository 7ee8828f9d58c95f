import { createServer } from 'node:http';
import type { IncomingMessage, Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What an instance saw of a request. */
export interface Seen {
  readonly name: string;
  readonly url: string;
  readonly host: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** An instance that answers with what it saw, or with 503 where the path has `/broken`. */
export class EchoServer implements AsyncDisposable {
  readonly name: string;
  /** All requests, the oldest first. */
  readonly seen: Seen[] = [];
  readonly #server: Server;

  private constructor(name: string) {
    this.name = name;
    this.#server = createServer((request, response) => {
      const seen = { name, url: request.url ?? '', host: request.headers.host ?? '', headers: plain(request) };
      this.seen.push(seen);
      response.statusCode = seen.url.includes('/broken') ? 503 : 200;
      response.end(JSON.stringify(seen));
    });
  }

  /** @param at default: a free port of 127.0.0.1 */
  static async start(name: string, at = { address: '127.0.0.1', port: 0 }): Promise<EchoServer> {
    const echo = new EchoServer(name);
    await new Promise<void>((resolve) => echo.#server.listen(at.port, at.address, resolve));
    return echo;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

function plain(request: IncomingMessage): Record<string, string> {
  return Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)]));
}
