import type { ItemList, ReplicaView, ServiceView } from '@isthmus/contract';
import { until } from '@isthmus/model/testing';
import { BridgeProcess } from './bridge.ts';
import { XdsView } from './xds-view.ts';

const TYPES = ['cluster.v3.Cluster', 'endpoint.v3.ClusterLoadAssignment', 'route.v3.RouteConfiguration', 'listener.v3.Listener'];
export const XDS_TYPES = TYPES.map((type) => `type.googleapis.com/envoy.config.${type}`);
export const MCP_TYPES = ['networking.istio.io/v1/ServiceEntry'];

/** Bridges that share a ledger, each a process of its own, and what is true of them together. */
export class ReplicaSet {
  #compared = 0;
  readonly bridges: readonly BridgeProcess[];

  constructor(bridges: readonly BridgeProcess[]) {
    this.bridges = bridges;
  }

  at(index: number): BridgeProcess {
    const bridge = this.bridges[index];
    if (bridge === undefined) throw new Error(`there is no replica ${index}`);
    return bridge;
  }

  statusOf(bridge: BridgeProcess): Promise<ReplicaView> {
    return bridge.get<ReplicaView>('replica');
  }

  /** Waits until exactly one of those leads, and the others follow it. */
  async leader(among: readonly BridgeProcess[] = this.bridges): Promise<BridgeProcess> {
    let found: BridgeProcess | undefined;
    await until('one leads, the others follow it', async () => {
      const views = await Promise.all(among.map((bridge) => this.statusOf(bridge)));
      const [first, ...more] = views.filter(({ role }) => role === 'leader');
      found = first && among[views.indexOf(first)];
      return more.length === 0 && first !== undefined && views.every(({ leader }) => leader === first.id);
    });
    return found as BridgeProcess;
  }

  async hosts(bridge: BridgeProcess, end = ''): Promise<readonly ServiceView[]> {
    return (await bridge.get<ItemList<ServiceView>>('services')).items.filter(({ host }) => host.endsWith(end));
  }

  /** What a client that is new there is told, by type and name: version and digest of the bytes. */
  async contentOf(bridge: BridgeProcess): Promise<string> {
    const [xds, mcp] = [new XdsView(XDS_TYPES), new XdsView(MCP_TYPES)];
    try {
      // A node of its own each time: one that comes and goes several times a second is turned away.
      const name = `compare-${(this.#compared += 1)}`;
      xds.connect(bridge.ports.xds, `sidecar~127.0.0.1~${name}.default~default.svc.cluster.local`);
      mcp.connect(bridge.ports.mcp, name);
      await until('it answered', () => xds.answered.size === XDS_TYPES.length && mcp.answered.size === MCP_TYPES.length);
      return JSON.stringify([xds.content, mcp.content]);
    } finally {
      xds.close();
      mcp.close();
    }
  }

  /** Resolves with the content once all have the same ledger and the same bytes. */
  async equalBytes(): Promise<string> {
    let contents: readonly string[] = [];
    await until(
      'all have the same ledger and the same bytes',
      async () => {
        const views = await Promise.all(this.bridges.map((bridge) => this.statusOf(bridge)));
        if (new Set(views.map(({ ledgerRevision }) => ledgerRevision)).size > 1) return false;
        if (views.some(({ withheld }) => withheld > 0)) return false;
        contents = await Promise.all(this.bridges.map((bridge) => this.contentOf(bridge)));
        return new Set(contents).size === 1;
      },
      60_000,
    ); // what was removed is served on for a grace of 15 s
    return contents[0] as string;
  }
}
