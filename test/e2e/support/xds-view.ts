import { createHash } from 'node:crypto';
import { deltaClient } from '@isthmus/xds/testing';
import type { DeltaClient } from '@isthmus/xds/testing';

export interface SeenResource {
  readonly version: string;
  /** Of the resource's bytes. */
  readonly digest: string;
}

/**
 * A client of delta xDS or MCP that keeps what it has over reconnects, as Envoy and istiod do: it names versions that it
 * has, and counts what it is sent and told to remove.
 */
export class XdsView {
  readonly resources = new Map<string, Map<string, SeenResource>>();
  /** Names that were removed, on any connection. */
  readonly removed: string[] = [];
  /** Names that were sent on this connection. */
  sent: string[] = [];
  /** Types that answered on this connection. */
  answered = new Set<string>();
  readonly #types: readonly string[];
  #client: DeltaClient | undefined;

  constructor(types: readonly string[]) {
    this.#types = types;
    for (const type of types) this.resources.set(type, new Map());
  }

  connect(port: number, node: string): void {
    this.#client?.close();
    const client = deltaClient({ port });
    this.#client = client;
    this.sent = [];
    this.answered = new Set();
    for (const typeUrl of this.#types) {
      const has = [...(this.resources.get(typeUrl) ?? [])].map(([name, { version }]) => [name, version] as const);
      const initialResourceVersions = Object.fromEntries(has);
      client.send({ node: { id: node }, typeUrl, resourceNamesSubscribe: ['*'], initialResourceVersions });
    }
    void this.#follow(client);
  }

  close(): void {
    this.#client?.close();
  }

  names(type: string): readonly string[] {
    return [...(this.resources.get(type)?.keys() ?? [])].sort();
  }

  /** Everything, comparable. */
  get content(): Readonly<Record<string, Readonly<Record<string, SeenResource>>>> {
    const sorted = (map: ReadonlyMap<string, SeenResource>) => Object.fromEntries([...map].sort(([a], [b]) => (a < b ? -1 : 1)));
    return Object.fromEntries([...this.resources].map(([type, map]) => [type, sorted(map)]));
  }

  async #follow(client: DeltaClient): Promise<void> {
    for (;;) {
      const response = await client.next(3_600_000).catch(() => undefined);
      if (response === undefined || client !== this.#client) return;
      const known = this.resources.get(response.typeUrl);
      for (const { name, version, resource } of response.resources) {
        const digest = createHash('sha256')
          .update(resource?.value ?? new Uint8Array())
          .digest('hex');
        known?.set(name, { version, digest });
        this.sent.push(name);
      }
      for (const name of response.removedResources) {
        known?.delete(name);
        this.removed.push(name);
      }
      this.answered.add(response.typeUrl);
      client.send({ typeUrl: response.typeUrl, responseNonce: response.nonce });
    }
  }
}
