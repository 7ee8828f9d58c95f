import type { Locality } from '@isthmus/model';

/** Where callers reach the mesh by naming a service in the Host header. */
export interface EgressAddress {
  /** IP literal, `127.0.0.1` beside a workload. */
  readonly address: string;
  readonly port: number;
}

/** All of a node that its resources depend on. Nodes with an equal one are one group and share every byte. */
export interface Proxy {
  readonly kind: 'sidecar' | 'router';
  /** Proxyless gRPC: listeners with an `api_listener`, ROUND_ROBIN or RING_HASH only, no Envoy extensions. */
  readonly grpc: boolean;
  /** Istio namespace, from metadata `NAMESPACE` or the node id; short names in rules and Hosts are relative to it. */
  readonly namespace: string;
  /** Fourth part of the node id, `shop.svc.cluster.local`. */
  readonly dnsDomain: string;
  /** The node's own IPs: what it is an instance of, and where inbound listeners belong. */
  readonly addresses: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  /**
   * `INTERCEPTION_MODE`. `none`: loopback listeners per service port. `explicit`, where the node says nothing: just the
   * egress listener that it asks for; istiod would have it bind 15001 and 15006 on all addresses, unasked.
   */
  readonly interception: 'redirect' | 'tproxy' | 'none' | 'explicit';
  /** Metadata `HTTP_PROXY_PORT`: the explicit egress listener. */
  readonly egress: EgressAddress | undefined;
  readonly locality: Locality;
  /** The service that calls through it, as plans name consumers; of a class of proxies: what plans tell it apart by. */
  readonly consumer?: string | undefined;
  /** False of a class of proxies where labels that no rule looks at have been left out. */
  readonly anonymous?: false | undefined;
  /** `CLUSTER_ID` and `NETWORK`. */
  readonly cluster: string;
  readonly network: string;
}
