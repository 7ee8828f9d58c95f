import type { ResourceChange } from '../snapshot-store.ts';
import { SnapshotStore } from '../snapshot-store.ts';
import type { XdsServerOptions } from '../server-options.ts';
import { PUSH_ORDER } from '../type-urls.ts';
import type { XdsEvent } from '../xds-event.ts';
import { adsServer } from '../xds-server.ts';
import type { XdsServer } from '../xds-server.ts';
import { deltaClient, sotwClient } from './ads-client.ts';
import type { AdsClientOptions, DeltaClient, SotwClient } from './ads-client.ts';
import { resource } from './wire.ts';

/** A server with a store that the test fills, and clients that are closed with it. */
export class TestServer {
  readonly store = new SnapshotStore(PUSH_ORDER);
  readonly events: XdsEvent[] = [];
  readonly server: XdsServer;
  readonly #clients: { close(): void }[] = [];
  #port = 0;

  private constructor(more: Partial<XdsServerOptions>) {
    this.server = adsServer({
      host: '127.0.0.1',
      port: 0,
      provider: { viewFor: () => this.store },
      onEvent: (event) => this.events.push(event),
      ...more,
    });
  }

  static async start(more: Partial<XdsServerOptions> = {}): Promise<TestServer> {
    const server = new TestServer(more);
    server.#port = await server.server.listen();
    return server;
  }

  async stop(): Promise<void> {
    for (const client of this.#clients) client.close();
    await this.server.close();
  }

  get port(): number {
    return this.#port;
  }

  sotw(more: Partial<AdsClientOptions> = {}): SotwClient {
    return this.#keep(sotwClient({ port: this.#port, ...more }));
  }

  delta(more: Partial<AdsClientOptions> = {}): DeltaClient {
    return this.#keep(deltaClient({ port: this.#port, ...more }));
  }

  set(type: string, name: string, version: string, size = 0): void {
    this.store.commit([{ type, name, resource: resource(name, version, size) } satisfies ResourceChange]);
  }

  kinds(kind: XdsEvent['kind']): XdsEvent[] {
    return this.events.filter((event) => event.kind === kind);
  }

  #keep<T extends { close(): void }>(client: T): T {
    this.#clients.push(client);
    return client;
  }
}

export async function eventually(condition: () => boolean, deadline = 10_000): Promise<void> {
  const end = Date.now() + deadline;
  while (!condition()) {
    if (Date.now() > end) throw new Error(`did not come true: ${condition.toString()}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}
