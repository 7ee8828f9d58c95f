import type { Diagnostic } from './diagnostic.ts';
import type { Endpoint, Locality, Protocol } from './endpoint.ts';
import type { MeshHost, ServiceId, ServiceKey } from './ids.ts';

/** What one registry says about one service, normalised; equal content gives an equal record. */
export interface ServiceRecord {
  readonly key: ServiceKey;
  /** The host that this registry's users expect (`orders.default-group.public.nacos`); merge rules may map it elsewhere. */
  readonly host: MeshHost;
  /** Sorted by `endpointKey`, one per address and port, unhealthy and disabled ones included. */
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
  /** `static`: all endpoints are IPs; `dns`: at least one is a name. */
  readonly resolution: 'static' | 'dns';
  /** Sorted by number. Never empty. */
  readonly ports: readonly ServicePort[];
  /** All that the registries list, sorted by port name and `endpointKey`; translators leave out what takes no traffic. */
  readonly endpoints: readonly MeshEndpoint[];
  /** Sorted. */
  readonly origins: readonly ServiceId[];
  /** From the ledger: the address that TCP callers use and istiod matches on. Undefined until allocated. */
  readonly vip: string | undefined;
  /** Namespaces that may see it, as Istio has it; undefined: all. */
  readonly exportTo?: readonly string[];
  /** Set where a part of it was read from another bridge: all service ids, there or here, that it was made from; sorted. */
  readonly importedFrom?: readonly string[];
  readonly diagnostics: readonly Diagnostic[];
}

export function formatLocality(l: Locality): string {
  const parts = [l.region, l.zone, l.subzone];
  while (parts.length > 0 && parts.at(-1) === '') parts.pop();
  return parts.join('/');
}
