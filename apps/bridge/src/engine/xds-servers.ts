import { messageOf } from '@isthmus/model';
import { runtimeLayer } from '@isthmus/translate';
import { CDS, EDS, LDS, RDS, RTDS, SideProvider, SnapshotStore, adsServer, mcpServer } from '@isthmus/xds';
import type { ResourceChange, XdsEvent, XdsServer } from '@isthmus/xds';
import type { ListenerConfig, TtlConfig } from '@isthmus/config';
import type { TypeUrl } from '@isthmus/model';
import type { Logger } from 'pino';
import type { BridgeConfig } from './bridge-config.ts';
import type { Engine } from './engine.ts';
import type { Metrics } from './metrics.ts';
import type { CertifiedServer } from './renew-certificates.ts';

/** The outputs that clients connect to; either may be missing in the config. */
export class XdsServers {
  readonly all: readonly XdsServer[];
  /** Those of them whose certificates may be renewed. */
  readonly certified: readonly CertifiedServer[];

  /** Layers of Envoy's runtime: the same for every proxy that asks for them. */
  readonly #runtime = new SnapshotStore([RTDS]);

  constructor(engine: Engine, metrics: Metrics, log: Logger) {
    const { xds, mcp } = engine.config.outputs;
    const { roles } = engine.config;
    const base = (listener: ListenerConfig, output: 'xds' | 'mcp') => ({
      host: listener.listen.host,
      port: listener.listen.port,
      ready: engine.readiness.ready,
      onEvent: (event: XdsEvent) => {
        metrics.xdsEvent(output, event);
        logEvent(log, output, event);
      },
      ...(listener.tls === undefined ? {} : { tls: listener.tls }),
      ...(listener.auth === undefined ? {} : { auth: listener.auth }),
    });
    const provider = new SideProvider(engine.mesh.views, this.#runtime, [RTDS]);
    this.configure(engine.config);
    this.all = [
      ...(xds === undefined || !roles.includes('xds')
        ? []
        : [adsServer({ ...base(xds, 'xds'), provider, ttls: ttlsOf(xds.ttl), session: engine.istio.registration.opened })]),
      ...(mcp === undefined || !roles.includes('adapter')
        ? []
        : [mcpServer({ ...base(mcp, 'mcp'), provider: { viewFor: () => engine.mcp } })]),
    ];
    this.certified = this.all.map((server) => ({ name: server.name, tls: server.tls, renew: () => server.renewCertificates() }));
    metrics.observeClients(() => this.all.flatMap((server) => server.clients()));
  }

  /** Takes from a changed config what needs no restart. */
  configure({ outputs }: BridgeConfig): void {
    const layers = Object.entries(outputs.xds?.runtime ?? {});
    const changes: ResourceChange[] = layers.map(([name, values]) => ({
      type: RTDS,
      name,
      resource: runtimeLayer(name, values),
    }));
    const names = new Set(layers.map(([name]) => name));
    for (const name of this.#runtime.resources(RTDS).keys())
      if (!names.has(name)) changes.push({ type: RTDS, name, resource: undefined });
    this.#runtime.commit(changes);
  }
}

const TYPES = { clusters: CDS, endpoints: EDS, listeners: LDS, routes: RDS, runtime: RTDS } as const;

function ttlsOf(ttl: TtlConfig): ReadonlyMap<TypeUrl, number> {
  const set = Object.entries(TYPES).flatMap(([name, type]) => {
    const ms = ttl[name as keyof TtlConfig];
    return ms === undefined ? [] : [[type, ms] as const];
  });
  return new Map(set);
}

function logEvent(log: Logger, output: string, event: XdsEvent): void {
  if (event.kind === 'pushed' || event.kind === 'acked') return log.debug({ output, ...event }, `${output} ${event.kind}`);
  if (event.kind === 'nacked')
    return log.warn(
      { output, ...event },
      `${event.node} rejected ${event.type}: ${messageOf(event.message)}; it keeps what it had`,
    );
  if (event.kind === 'refused' || event.kind === 'ended')
    return log.warn({ output, ...event }, `${output} client ${event.node} ${event.kind}: ${event.reason}`);
  if (event.kind === 'odd') return log.debug({ output, ...event }, `${output} client ${event.node}: ${event.what}`);
  log.info({ output, ...event }, `${output} client ${event.kind}`);
}
