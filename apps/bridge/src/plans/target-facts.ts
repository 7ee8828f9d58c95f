import type { Catalog } from '@isthmus/catalog';
import { isHttpLike, scopeId, serviceId, takesTraffic } from '@isthmus/model';
import type { MeshHost, ServiceKey } from '@isthmus/model';
import type { PlanTarget, Withdrawal } from '@isthmus/plans';
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
  /** Places that take traffic and are known from elsewhere than those registrations, whichever of the two is believed about them. */
  readonly elsewhere: number;
}

export interface Registration {
  readonly key: ServiceKey;
  /** `KIND/NAMESPACE/GROUP/NAME` */
  readonly sdkName: string;
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
  const elsewhere = new Set<string>();
  for (const { record } of catalog.recordsOf(host)) {
    const { key } = record;
    const kind = kindOf(key.source);
    if (kind?.registersBySdk !== true) {
      if (service.origins.includes(serviceId(key)))
        for (const one of record.endpoints) if (takesTraffic(one)) elsewhere.add(addressOf(one));
      continue;
    }
    registrations.push({ key, sdkName: sdkNameOf(kind, key), kind, listed: listedOf(catalog, key) });
  }
  return {
    host,
    port: port.number,
    addresses: [...new Set(endpoints.map(({ endpoint }) => addressOf(endpoint)))].sort(),
    sdkNames: [...new Set(registrations.map(({ sdkName }) => sdkName))].sort(),
    registrations,
    elsewhere: elsewhere.size,
  };
}

/** Of a target that was retired while no registry has been read that knows it: its consumers stay where they are, no SDK would find it. */
export function factsOfWithdrawn({ host, port, registrations }: Withdrawal): TargetFacts {
  const sdkNames = [...new Set(registrations.map(({ sdkName }) => sdkName))].sort();
  return { host: host as MeshHost, port, addresses: [], sdkNames, registrations: [], elsewhere: 0 };
}

/** `nacos/public/DEFAULT_GROUP/orders`, as SDKs and agents name it. */
function sdkNameOf({ kind }: RegistryKind, { namespace, group, name }: ServiceKey): string {
  return [kind, namespace, group, name].join('/');
}

/** Instances that a registry lists, 0 also where it does not know the service any more; undefined: it cannot be read now. */
export function listedOf(catalog: Catalog, key: ServiceKey): number | undefined {
  if (catalog.scopeById(scopeId(key))?.status.state !== 'live') return undefined;
  const known = catalog.recordOf(serviceId(key));
  return known?.restored === true ? undefined : (known?.said?.endpoints.length ?? 0);
}

function addressOf({ address, port }: { readonly address: string; readonly port: number }): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}
