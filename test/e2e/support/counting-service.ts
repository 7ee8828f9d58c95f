import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import type { IncomingHttpHeaders, IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** One request at an instance. */
export interface Attempt {
  readonly instance: string;
  /** Envoy's own count of a call's attempts; 0: it came past every Envoy. */
  readonly byEnvoy: number;
  readonly headers: IncomingHttpHeaders;
}

/**
 * Instances of one service that count what really arrives, by the `x-call` of the logical call. A call says what is to become of it:
 * `x-fail: N` fails its first N attempts, whichever instance gets them; `x-slow: MS` is answered that late; `x-storm` fails three
 * attempts of ten, by the call and the attempt alone: in turn, ten calls in step had the same ones fail with each attempt.
 */
export class CountingService {
  readonly attempts = new Map<string, Attempt[]>();
  readonly #servers: readonly Server[];

  private constructor(count: number) {
    this.#servers = Array.from({ length: count }, (_, n) =>
      createServer({ keepAliveTimeout: 0 }, (request, response) => this.#answer(`i${n}`, request, response)),
    );
  }

  static async start(count: number): Promise<CountingService> {
    const service = new CountingService(count);
    for (const server of service.#servers) await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return service;
  }

  get ports(): readonly number[] {
    return this.#servers.map((server) => (server.address() as AddressInfo).port);
  }

  /** Of these calls. */
  of(calls: Iterable<string>): readonly (readonly Attempt[])[] {
    return [...calls].map((call) => this.attempts.get(call) ?? []);
  }

  async stop(): Promise<void> {
    for (const server of this.#servers) {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  }

  #answer(instance: string, { headers }: IncomingMessage, response: ServerResponse): void {
    const call = String(headers['x-call']);
    const attempts = this.attempts.get(call) ?? [];
    attempts.push({ instance, byEnvoy: Number(headers['x-envoy-attempt-count'] ?? 0), headers });
    this.attempts.set(call, attempts);
    const fails =
      attempts.length <= Number(headers['x-fail'] ?? 0) || (headers['x-storm'] !== undefined && inStorm(call, attempts.length));
    const end = (): unknown => response.writeHead(fails ? 503 : 200).end(instance);
    const slow = Number(headers['x-slow'] ?? 0);
    if (slow === 0) end();
    else setTimeout(end, slow).unref();
  }
}

function inStorm(call: string, attempt: number): boolean {
  return createHash('sha256').update(`${call} ${attempt}`).digest().readUInt32LE() < 0.3 * 2 ** 32;
}
