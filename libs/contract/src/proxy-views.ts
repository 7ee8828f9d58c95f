import type { Diagnostic } from '@isthmus/model';

/** What the proxy refused last, until it accepts something newer of that type. */
export interface ProxyNack {
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** The proxy's own words. */
  readonly message: string;
  /** The resources that it goes on with in an older form, as far as its words name them; at most 100. */
  readonly names: readonly string[];
}

export interface ProxyTypeView {
  /** Type URL. */
  readonly type: string;
  /** Names subscribed to; `*` for a wildcard. */
  readonly subscribed: number | '*';
  /** Version last sent, `''` when nothing was. */
  readonly sent: string;
  /** Version last acknowledged, `''` when none was. */
  readonly acked: string;
  /** Milliseconds since the epoch: the last response was sent then, and the proxy has not answered it. */
  readonly unansweredSince?: number;
  /** False: the bridge has no such type, and answers every name of it with "no such". */
  readonly served: boolean;
  readonly nack?: ProxyNack;
}

/** One connected client of the xDS or MCP output. */
export interface ProxyView {
  /** Node id as the client claims it. */
  readonly node: string;
  /** `127.0.0.1:54321` */
  readonly address: string;
  /** What its certificate says that it is: its SPIFFE id, or else its first name. Absent when it has shown none. */
  readonly identity?: string;
  /** Milliseconds since the epoch. */
  readonly connectedAt: number;
  readonly transport: 'sotw' | 'delta' | 'mcp';
  readonly types: readonly ProxyTypeView[];
  /** What it has registered by a WorkloadGroup; absent where it names none. */
  readonly workload?: ProxyWorkloadView;
}

/** A proxy as a workload of a WorkloadGroup. */
export interface ProxyWorkloadView {
  /** Of its WorkloadEntry, `shop/vm-10.0.0.7`. */
  readonly name: string;
  readonly group: string;
  /** `in`: services that select it have it. `unwell`: its agent says so, or has not spoken yet. `refused`: it is no workload. */
  readonly state: 'in' | 'unwell' | 'refused';
  /** Why it is refused. */
  readonly reason?: string;
}

/** Clients of one address and node that were turned away, or whose stream the bridge ended, for one reason. */
export interface RejectedProxyView {
  /** Node id as claimed; `''` when it was turned away before it could say so. */
  readonly node: string;
  /** Of the last attempt. */
  readonly address: string;
  /** Name of the gRPC status that it got. */
  readonly code: string;
  /** As it was told. */
  readonly reason: string;
  /** Attempts since the first. */
  readonly count: number;
  /** Milliseconds since the epoch. */
  readonly lastAt: number;
}

/** `GET /api/v1/proxies` */
export interface ProxyList {
  readonly items: readonly ProxyView[];
  /** Newest first; the last 100 that differ. */
  readonly rejected: readonly RejectedProxyView[];
}

export interface ConfiguredResource {
  readonly name: string;
  /** `''` when the bridge does not know it: the proxy has it from before, and will be told to drop it. */
  readonly version: string;
  /**
   * `sent`: it has it. `pending`: a newer one than it has is on its way. `retiring`: gone, but kept until no proxy's routes
   * name it. `rejected`: it goes on with an older one.
   */
  readonly state: 'sent' | 'pending' | 'retiring' | 'rejected';
}

/** What a node was sent: `GET /api/v1/proxies/{node}/config` */
export interface ProxyConfigView {
  readonly node: string;
  readonly types: readonly {
    readonly type: string;
    readonly version: string;
    readonly resources: readonly ConfiguredResource[];
  }[];
}

/** What ProxyConfigs say of one workload: `GET /api/v1/proxies/settings?namespace=shop&label=app=web` */
export interface ProxySettingsView {
  /** Envoy's worker threads, 0: one per CPU. Absent: nobody says. */
  readonly concurrency?: number;
  readonly environmentVariables: Readonly<Record<string, string>>;
  /** Absent: nobody says. */
  readonly imageType?: string;
  /** What is wrong with ProxyConfigs, or with what may have some; at most 1,000. */
  readonly diagnostics: readonly Diagnostic[];
}
