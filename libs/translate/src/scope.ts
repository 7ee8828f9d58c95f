import type { HandOver } from '@isthmus/ladder';
import type { MeshHost, MeshService, ServicePort } from '@isthmus/model';
import type { Duration } from '@bufbuild/protobuf/wkt';
import type {
  ConnectionPoolSettings_TCPSettings_TcpKeepalive,
  HTTPRetry,
  IstioObject,
  LocalityLoadBalancerSetting,
} from '@isthmus/proto/istio';
import type { Proxy } from './proxy.ts';

/** What of MeshConfig clusters and their endpoints have where no DestinationRule says otherwise. */
export interface ClusterDefaults {
  /** Default: 10 s. */
  readonly connectTimeout?: Duration | undefined;
  readonly tcpKeepalive?: ConnectionPoolSettings_TCPSettings_TcpKeepalive | undefined;
  readonly localityLb?: LocalityLoadBalancerSetting | undefined;
  /** Not MeshConfig's but our own server's: whether Envoys are told of unhealthy instances. Default: they are left out. */
  readonly unhealthy?: 'leaveOut' | 'send' | undefined;
}

/** Istio's own. */
export const NO_DEFAULTS: ClusterDefaults = {};

type Visible = readonly ('*' | '.')[] | undefined;

/** What of MeshConfig the translation depends on. */
export interface MeshOptions extends ClusterDefaults {
  /** `cluster.local`: `orders.shop.svc.<trust domain>` and short names. */
  readonly domain: string;
  /** The namespace whose rules hold for all. */
  readonly rootNamespace: string;
  /** What happens to a destination that no service has: Istio's `outboundTrafficPolicy`. */
  readonly outbound: 'allow-any' | 'registry-only';
  /** `defaultHttpRetryPolicy`: where a route says nothing of retries; undefined: Istio's own default. */
  readonly retries?: HTTPRetry | undefined;
  /** Of what has no `exportTo` of its own; default: everybody. */
  readonly exportTo?: { readonly services: Visible; readonly virtualServices: Visible; readonly destinationRules: Visible };
}

/** One egress listener of a Sidecar, or the one that stands for "everything" where no Sidecar says otherwise. */
export interface EgressScope {
  /** Set where the Sidecar's listener has a port of its own. */
  readonly port: { readonly number: number; readonly protocol: string; readonly name: string } | undefined;
  readonly bind: string;
  readonly captureMode: 'default' | 'iptables' | 'none';
  /** Visible here, by `exportTo` and the Sidecar's hosts; sorted: older first, then by host. */
  services(): Iterable<MeshService>;
  /** Those of `services` at the moment of the call, to be taken over many turns of the loop: who left meanwhile may be among them. */
  servicesOfNow(): Iterable<MeshService>;
  /** Those of `services` that have this port, in the same order, without looking at the others. */
  servicesOn(port: number): Iterable<MeshService>;
  /**
   * Those of `servicesOn` that make the listener which all of them share: the first that speaks HTTP, and all that do not
   * and have no address of their own, or a range.
   */
  sharedOn(port: number): Iterable<MeshService>;
  /** Those that take connections at an address of their own, `10.1.2.3_3306`; in the same order. */
  servicesAt(place: string): Iterable<MeshService>;
  /** Undefined where the host is not visible here. */
  service(host: MeshHost): MeshService | undefined;
  /** Bound to `mesh`, visible here, delegates merged, in Istio's order of precedence. */
  virtualServices(): readonly IstioObject<'VirtualService'>[];
}

/** A port of a service that the proxy itself is an instance of. */
export interface OwnPort {
  readonly service: MeshService;
  readonly port: ServicePort;
  /** Where the application listens. */
  readonly targetPort: number;
}

/**
 * The mesh as one group of proxies may see it: what the policy library resolves and the translators read. Live: what it
 * answers may change between two events of the loop, never within one.
 */
export interface ProxyScope {
  readonly proxy: Proxy;
  readonly mesh: MeshOptions;
  /** Never empty. The last one without a port is the default for every port. */
  readonly egress: readonly EgressScope[];
  readonly sidecar: IstioObject<'Sidecar'> | undefined;
  /** Visible through any egress listener. */
  service(host: MeshHost): MeshService | undefined;
  /** The rules for the host merged as Istio does, most specific first; undefined: defaults. */
  destinationRule(host: MeshHost): IstioObject<'DestinationRule'> | undefined;
  /** What plans leave to the processes that call this port of the host; undefined: nothing. */
  handOver(host: string, port: number): HandOver | undefined;
  /** For routers: bound to this gateway (`namespace/name`), in order of precedence. */
  virtualServicesOf(gateway: string): readonly IstioObject<'VirtualService'>[];
  /** For routers: those whose selector matches the proxy, in order of precedence. */
  readonly gateways: readonly IstioObject<'Gateway'>[];
  /** Sorted by target port. */
  readonly own: readonly OwnPort[];
}
