/** What the proxy refused last, until it accepts something newer of that type. */
export interface ProxyNack {
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** The proxy's own words. */
  readonly message: string;
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
  readonly nack?: ProxyNack;
}

/** One connected client of the xDS or MCP output: `GET /api/v1/proxies` */
export interface ProxyView {
  /** Node id as the client claims it. */
  readonly node: string;
  /** `127.0.0.1:54321` */
  readonly address: string;
  /** Milliseconds since the epoch. */
  readonly connectedAt: number;
  readonly transport: 'sotw' | 'delta' | 'mcp';
  readonly types: readonly ProxyTypeView[];
}

export interface ConfiguredResource {
  readonly name: string;
  readonly version: string;
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
