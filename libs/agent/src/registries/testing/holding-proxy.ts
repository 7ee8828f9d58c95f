import { createServer, request } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export type Treatment = 'pass' | 'hold' | 'fail' | 'break-off' | 'no-applications';

/** Between a client and its registry: holds calls back, refuses them, or breaks their answers off in the middle. */
export class HoldingProxy {
  /** How a call is treated, by its method and path. */
  treat: (method: string, path: string) => Treatment = () => 'pass';
  readonly #server: Server;
  #held: (() => void)[] = [];
  #passing = 0;

  private constructor(target: number) {
    const passOn = (incoming: IncomingMessage, outgoing: ServerResponse): void => {
      this.#passing += 1;
      outgoing.once('close', () => (this.#passing -= 1));
      pass(target, incoming, outgoing);
    };
    this.#server = createServer((incoming, outgoing) => {
      switch (this.treat(incoming.method ?? '', incoming.url ?? '')) {
        case 'pass':
          return passOn(incoming, outgoing);
        case 'hold':
          return void this.#held.push(() => passOn(incoming, outgoing));
        case 'fail':
          return void outgoing.writeHead(503).end();
        case 'no-applications': // Eureka 1 without any: the list is left out, not empty
          return void outgoing.end('{"applications":{"versions__delta":"1","apps__hashcode":""}}');
        case 'break-off':
          outgoing.writeHead(200, { 'content-type': 'application/json', 'content-length': 100_000, 'x-consul-index': '1' });
          return void outgoing.write('[', () => outgoing.destroy());
      }
    });
  }

  static async start(target: number): Promise<HoldingProxy> {
    const proxy = new HoldingProxy(target);
    await new Promise<void>((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get held(): number {
    return this.#held.length;
  }

  /** Calls that were passed on and are not answered yet: what they will say is not in the hands of `treat` any more. */
  get passing(): number {
    return this.#passing;
  }

  /** What was held goes on, as late as it is. */
  release(): void {
    this.treat = () => 'pass';
    for (const go of this.#held.splice(0)) go();
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

function pass(port: number, incoming: IncomingMessage, outgoing: ServerResponse): void {
  const { method, url: path, headers } = incoming;
  const onward = request({ host: '127.0.0.1', port, method, path, headers }, (answer) => {
    outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(outgoing);
  });
  onward.on('error', () => outgoing.destroy());
  incoming.pipe(onward);
}
