import type { HandOver } from '@isthmus/ladder';
import type { MeshHost, MeshService, ServicePort } from '@isthmus/model';
import type { IstioObject } from '@isthmus/proto/istio';

/** What of a node decides which rules and services it may see. */
export interface ScopedProxy {
  readonly kind: 'sidecar' | 'router';
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly addresses: readonly string[];
  /** What plans tell it apart by. */
  readonly consumer?: string | undefined;
}

/** What of MeshConfig scoping depends on. */
export interface ScopeMesh {
  /** `cluster.local`: what short hosts end in. */
  readonly domain: string;
  /** The namespace whose rules hold for all. */
  readonly rootNamespace: string;
}

/** A port of a service, and where an address serves it. */
export interface ServedPort {
  readonly service: MeshService;
  readonly port: ServicePort;
  readonly targetPort: number;
}

/** The catalog, as scoping sees it. */
export interface ServiceIndex {
  all(): Iterable<MeshService>;
  get(host: MeshHost): MeshService | undefined;
  /** What this IP is an instance of, whatever its health. */
  ofAddress(ip: string): Iterable<ServedPort>;
}

/** The rules, resolved as far as they are the same for a whole namespace. */
export interface RuleIndex {
  /**
   * Bound to the gateway (`mesh` or `namespace/name`) and visible to the namespace by `exportTo`, delegates merged, short
   * names made long, in Istio's order of precedence. The same array as before while nothing in it changed.
   */
  virtualServices(namespace: string, gateway: string): readonly IstioObject<'VirtualService'>[];
  /** What applies to the service for this proxy, merged; undefined: defaults. */
  destinationRule(proxy: ScopedProxy, service: MeshService): IstioObject<'DestinationRule'> | undefined;
  /** Where there are plans: what they leave to the processes beside the proxy that call this port of the host. */
  handOver?(proxy: ScopedProxy, host: string, port: number): HandOver | undefined;
}
