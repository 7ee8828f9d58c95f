import type { Diagnostic } from './diagnostic.ts';
import type { Endpoint, Locality, Protocol } from './endpoint.ts';
import type { MeshHost, ServiceId, ServiceKey } from './ids.ts';

/**
 * How callers' proxies find the instances. `static`: addresses from EDS; `dns`: names, all of their addresses;
 * `dns-round-robin`: names, the first address (Envoy's LOGICAL_DNS); `none`: the address that the caller dialled; `dynamic-dns`,
 * of wildcard hosts only: the name that the caller asks for.
 */
export type Resolution = 'static' | 'dns' | 'dns-round-robin' | 'none' | 'dynamic-dns';

/** What only a ServiceEntry says of a service; registries leave it out. */
export interface ServiceDeclaration {
  /** Overrides what the endpoints' addresses suggest. */
  readonly resolution: Resolution;
  /** IP literals and CIDR ranges, in the order written; `ServiceRecord.vip` is the first plain address among them. */
  readonly addresses: readonly string[];
  /** `MESH_EXTERNAL`. */
  readonly external: boolean;
  /** Milliseconds since 1970, 0 for files: the older of two entries for one host wins. */
  readonly createdAt: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly subjectAltNames: readonly string[];
  /** Its instances are chosen by labels: those that there are not yet may come, and until then nothing stands for them. */
  readonly selects?: true;
}

/** What one registry says about one service, normalised; equal content gives an equal record. */
export interface ServiceRecord {
  readonly key: ServiceKey;
  /** The host that this registry's users expect (`orders.default-group.public.nacos`); merge rules may map it elsewhere. */
  readonly host: MeshHost;
  /** Sorted by `endpointKey`, one per key, unhealthy and disabled ones included. */
  readonly endpoints: readonly Endpoint[];
  /** What was left out or changed, sorted. */
  readonly diagnostics: readonly Diagnostic[];
  /**
   * Service ports that the source itself declares (a Kubernetes Service, a ServiceEntry, a file), sorted by number.
   * Registries that know instance ports only have none: their services get the protocols' stable ports.
   */
  readonly ports?: readonly ServicePort[];
  /** The address that callers of this service use already (a ClusterIP, a ServiceEntry's address). */
  readonly vip?: string;
  readonly declared?: ServiceDeclaration;
  /** Mesh namespace that the source gives the service, and the namespaces that may see it (`*`, `.`, names). */
  readonly meshNamespace?: string;
  readonly exportTo?: readonly string[];
  /** Set where it was read from another bridge: the service ids that it has there, sorted. */
  readonly origins?: readonly string[];
}

/** A mesh host's stable port. Instances carry target ports; this never depends on them (higress#2511). */
export interface ServicePort {
  /** 80 for HTTP-like protocols; a table for the others. */
  readonly number: number;
  /** `<protocol>-<number>`, as Istio wants it. */
  readonly name: string;
  readonly protocol: Protocol;
  /** Where a ServiceEntry maps the port for endpoints that do not say theirs; undefined: the endpoints' own. */
  readonly targetPort?: number;
}

export interface MeshEndpoint {
  readonly origin: ServiceId;
  /** Name of the `ServicePort` this endpoint serves. */
  readonly portName: string;
  readonly endpoint: Endpoint;
}

/** What callers see under one host: the merge of every record that maps to it. Input of the translators. */
export interface MeshService {
  readonly host: MeshHost;
  /** Mesh namespace of the ServiceEntry. */
  readonly namespace: string;
  /** `static`: all endpoints are IPs; `dns`: at least one is a name; the others only where a ServiceEntry says so. */
  readonly resolution: Resolution;
  /** Sorted by number. Never empty. */
  readonly ports: readonly ServicePort[];
  /** All that the registries list, sorted by port name and `addressKey`; translators leave out what takes no traffic. */
  readonly endpoints: readonly MeshEndpoint[];
  /** Sorted. */
  readonly origins: readonly ServiceId[];
  /** From the ledger: the address that TCP callers use and istiod matches on. Undefined until allocated. */
  readonly vip: string | undefined;
  /** Namespaces that may see it, as Istio has it; undefined: all. */
  readonly exportTo?: readonly string[];
  readonly declared?: ServiceDeclaration;
  /** Set where a part of it was read from another bridge: all service ids, there or here, that it was made from; sorted. */
  readonly importedFrom?: readonly string[];
  readonly diagnostics: readonly Diagnostic[];
}

/** Whether no registry and no proxy knows instances beforehand: callers say where to, by an address or by a name. */
export function isFoundByCaller({ resolution }: Pick<MeshService, 'resolution'>): boolean {
  return resolution === 'none' || resolution === 'dynamic-dns';
}

export function formatLocality(l: Locality): string {
  const parts = [l.region, l.zone, l.subzone];
  while (parts.length > 0 && parts.at(-1) === '') parts.pop();
  return parts.join('/');
}
