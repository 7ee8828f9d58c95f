import { LISTENER_TYPE, egressListener } from '@isthmus/translate';
import { OverlayView } from '@isthmus/xds';
import type { NodeInfo, Refusal, ResourceProvider, ResourceView, SnapshotStore } from '@isthmus/xds';

/** Nodes with one egress address share a view, and so every encoded byte of it. */
const MOST_GROUPS = 1_000;

/**
 * What each node is served: everything by default, and the explicit egress listener that its metadata asks for
 * (`HTTP_PROXY_PORT`, as Istio has it; the address is `HTTP_PROXY_ADDRESS`, 127.0.0.1 unless said).
 */
export class EgressProvider implements ResourceProvider {
  readonly #base: SnapshotStore;
  readonly #groups = new Map<string, OverlayView>();

  constructor(base: SnapshotStore) {
    this.#base = base;
  }

  viewFor(node: NodeInfo): ResourceView | Refusal {
    const text = node.metadata['HTTP_PROXY_PORT'];
    if (text === undefined || text === '') return this.#base;
    const port = Number(text);
    if (!Number.isInteger(port) || port < 1 || port > 65_535) {
      return { refused: `node metadata HTTP_PROXY_PORT is ${JSON.stringify(text)}; it must be a port between 1 and 65535` };
    }
    const address = node.metadata['HTTP_PROXY_ADDRESS'] === '0.0.0.0' ? '0.0.0.0' : '127.0.0.1';
    const group = `${address}:${port}`;
    let view = this.#groups.get(group);
    if (view === undefined) {
      if (this.#groups.size >= MOST_GROUPS) return { refused: `more than ${MOST_GROUPS} different egress addresses` };
      const resource = egressListener({ address, port });
      view = new OverlayView(this.#base);
      view.commit([{ type: LISTENER_TYPE, name: resource.name, resource }]);
      this.#groups.set(group, view);
    }
    return view;
  }
}
