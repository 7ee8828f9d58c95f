import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';

/** Files on loopback, as an index of packages serves them. It counts what it sends, and sends half of a file when told to. */
export class Mirror implements AsyncDisposable {
  readonly #server = createServer((request, response) => this.#answer(request.url ?? '', response));
  readonly #files = new Map<string, Buffer>();
  readonly #asked = new Map<string, number>();
  readonly #half = new Map<string, 'cut' | 'hold'>();
  #onHalf: () => void = () => undefined;
  /** Half of a file has been sent, and what is to come does not. */
  readonly held = new Promise<void>((resolve) => (this.#onHalf = resolve));

  static async start(): Promise<Mirror> {
    const mirror = new Mirror();
    mirror.#server.listen(0, '127.0.0.1');
    await once(mirror.#server, 'listening');
    return mirror;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  add(path: string, content: Buffer | string): void {
    this.#files.set(path, Buffer.from(content));
  }

  /** Once: the next answer with this file ends after half of it, or stops there until whoever asked is gone. */
  halve(path: string, how: 'cut' | 'hold'): void {
    this.#half.set(path, how);
  }

  /** How often each file whose name ends so was asked for. */
  asked(suffix: string): Readonly<Record<string, number>> {
    return Object.fromEntries([...this.#asked].filter(([path]) => path.endsWith(suffix)).sort());
  }

  #answer(path: string, response: ServerResponse): void {
    const file = this.#files.get(path);
    if (file === undefined) return void response.writeHead(404).end();
    this.#asked.set(path, (this.#asked.get(path) ?? 0) + 1);
    // As PyPI says it of its files: pip keeps what may be kept.
    const kept = path.endsWith('/') ? {} : { 'cache-control': 'max-age=365000000, immutable, public' };
    const type = path.endsWith('/') ? 'text/html' : 'application/octet-stream';
    response.writeHead(200, { 'content-type': type, 'content-length': file.length, ...kept });
    const how = this.#half.get(path);
    if (how === undefined) return void response.end(file);
    this.#half.delete(path);
    response.write(file.subarray(0, file.length / 2), () => {
      if (how === 'cut') response.socket?.destroy();
      else this.#onHalf();
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }
}
