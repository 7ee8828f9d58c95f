/** What Istio understands by a port's protocol; anything else is `tcp`. */
export const PROTOCOLS = ['http', 'http2', 'grpc', 'grpc-web', 'https', 'tls', 'tcp', 'mongo', 'redis', 'mysql'] as const;
export type Protocol = (typeof PROTOCOLS)[number];

/** Routed by Host header, hence multiplexed on one service port. */
export function isHttpLike(protocol: Protocol): boolean {
  return protocol === 'http' || protocol === 'http2' || protocol === 'grpc' || protocol === 'grpc-web';
}

export interface Locality {
  readonly region: string;
  readonly zone: string;
  readonly subzone: string;
}

/**
 * `disabled`: an operator took it out; `unhealthy`: checks did, the registry's or ours; `evicted`: its Pod is gone or not
 * ready, whatever the registry says. None of them gets traffic. Sources never say `evicted`.
 */
export type Health = 'healthy' | 'unhealthy' | 'disabled' | 'evicted';

/** One instance as the registry knows it, valid by construction (see `buildRecord` in the registry library). */
export interface Endpoint {
  /** The registry's own id of the instance, for `explain` and for writing back. */
  readonly instanceId: string;
  /** Canonical IP literal, or a lower-case DNS name when `addressType` is `dns`. */
  readonly address: string;
  readonly addressType: 'ip' | 'dns';
  /** 1 to 65535: the instance's own port, never the service port that callers use. */
  readonly port: number;
  readonly protocol: Protocol;
  /** The registry's scale: 1 is normal, 0.5 half of it. 0 gets nothing. At most 10,000. */
  readonly weight: number;
  readonly health: Health;
  readonly locality: Locality;
  /** Valid Kubernetes label names and values made from the metadata. */
  readonly labels: Readonly<Record<string, string>>;
  /** What the registry said; the same object as `labels` where nothing had to be changed. */
  readonly metadata: Readonly<Record<string, string>>;
  /** Registry cluster (Nacos), for multi-cluster routing. */
  readonly cluster: string;
  /** Istio network of the address; `''` is the default network. */
  readonly network: string;
  /**
   * Grows with every registration of this address and is the same at every server of the registry; absent where the
   * registry tells nothing of the kind. Tells an older view of a registration that is over from a new one.
   */
  readonly incarnation?: number;
  /** Which of the record's declared `ports` it serves; absent where the source declares none. */
  readonly portName?: string;
  /** SPIFFE identity or service account behind it, `''` if unknown (no mTLS then). */
  readonly identity: string;
}

/** True when the mesh may send requests to it: healthy && enabled && weight > 0, for every source alike (higress#2369). */
export function takesTraffic(endpoint: Endpoint): boolean {
  return endpoint.health === 'healthy' && endpoint.weight > 0;
}

/** True where nothing but a failed check stands between it and requests: told to be unhealthy, it could be taken back as it is. */
export function isOnlyUnhealthy(endpoint: Endpoint): boolean {
  return endpoint.health === 'unhealthy' && endpoint.weight > 0;
}

/** Where it listens: one process, whatever the number of services and service ports that lead there. */
export function addressKey({ address, port }: Pick<Endpoint, 'address' | 'port'>): string {
  return `${address} ${port}`;
}

/**
 * Unique within a record. Two instances with one address are one endpoint, but two declared ports may lead to one address
 * (a Kubernetes Service with `80 → 8080` and `9090 → 8080`), and then each of them has it.
 */
export function endpointKey(endpoint: Endpoint): string {
  const at = addressKey(endpoint);
  return endpoint.portName === undefined ? at : `${at} ${endpoint.portName}`;
}

export const NOWHERE: Locality = { region: '', zone: '', subzone: '' };
