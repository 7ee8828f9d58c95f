import type { Catalog } from '@isthmus/catalog';
import { isHttpLike, scopeId, serviceId, takesTraffic } from '@isthmus/model';
import type { MeshHost, ServiceKey } from '@isthmus/model';
import type { PlanTarget } from '@isthmus/plans';
import type { RegistryKind } from '@isthmus/registry';

/** What the catalog says of a plan's target now. */
export interface TargetFacts {
  readonly host: MeshHost;
  readonly port: number;
  /** `10.0.0.7:8080`, sorted: all that registries list, also those that take no traffic: an SDK may still call them. */
  readonly addresses: readonly string[];
  /** `KIND/NAMESPACE/GROUP/NAME`, sorted. */
  readonly sdkNames: readonly string[];
  /** Where SDKs register it. */
  readonly registrations: readonly Registration[];
  /** Instances that take traffic and are known from elsewhere than those registrations. */
  readonly elsewhere: number;
}

export interface Registration {
  readonly key: ServiceKey;
  readonly kind: RegistryKind;
  /** Instances that the registry lists; undefined: it cannot be read now. */
  readonly listed: number | undefined;
}

/** Undefined: nothing is known under that host or key (yet). @param kindOf the kind of a source; undefined for one that is no registry */
export function targetFacts(
  catalog: Catalog,
  target: PlanTarget,
  kindOf: (source: string) => RegistryKind | undefined,
): TargetFacts | undefined {
  const host = target.kind === 'host' ? target.host : [...catalog.hostsOf([serviceId(target.key)])][0];
  const service = host === undefined ? undefined : catalog.merged(host);
  if (host === undefined || service === undefined) return undefined;
  const ports = service.ports.filter(({ number }) => target.port === undefined || number === target.port);
  const port = ports.find(({ protocol }) => isHttpLike(protocol)) ?? ports[0];
  if (port === undefined) return undefined;
  const endpoints = service.endpoints.filter(({ portName }) => portName === port.name);
  const registrations: Registration[] = [];
  const names: string[] = [];
  for (const { record, said, restored } of catalog.recordsOf(host)) {
    const { key } = record;
    const kind = kindOf(key.source);
    if (kind?.registersBySdk !== true) continue;
    names.push([kind.kind, key.namespace, key.group, key.name].join('/'));
    const isLive = catalog.scopeById(scopeId(key))?.status.state === 'live' && !restored;
    registrations.push({ key, kind, listed: isLive ? (said?.endpoints.length ?? 0) : undefined });
  }
  const bySdk = new Set(registrations.map(({ key }) => serviceId(key)));
  return {
    host,
    port: port.number,
    addresses: [...new Set(endpoints.map(({ endpoint }) => addressOf(endpoint)))].sort(),
    sdkNames: [...new Set(names)].sort(),
    registrations,
    elsewhere: endpoints.filter(({ origin, endpoint }) => !bySdk.has(origin) && takesTraffic(endpoint)).length,
  };
}

function addressOf({ address, port }: { readonly address: string; readonly port: number }): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}
