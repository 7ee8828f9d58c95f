import type { NodeInfo, Peer } from './resource-provider.ts';
import type { StreamMethod } from './services.ts';
import { StreamFamily } from './stream-family.ts';

/** A server's families. An aggregated stream is one of its own; streams of one type belong together by connection and node. */
export class Families {
  readonly #ofConnections = new Map<string, StreamFamily>();

  of(method: StreamMethod, peer: Peer, node: NodeInfo): StreamFamily {
    if (method.onlyType === undefined) return new StreamFamily(() => undefined);
    const key = `${peer.address} ${method.transport} ${node.id}`;
    let family = this.#ofConnections.get(key);
    if (family === undefined) {
      family = new StreamFamily(() => void this.#ofConnections.delete(key));
      this.#ofConnections.set(key, family);
    }
    return family;
  }
}
