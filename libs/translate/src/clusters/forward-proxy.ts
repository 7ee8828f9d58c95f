import { create, toBinary } from '@bufbuild/protobuf';
import { anyPack } from '@bufbuild/protobuf/wkt';
import { ClusterSchema, DynamicForwardProxyClusterSchema } from '@isthmus/proto/envoy';
import type { MeshHost, ServicePort } from '@isthmus/model';
import { dnsCache } from '../dns-cache.ts';
import type { Proxy } from '../proxy.ts';
import { httpOptions, speaksHttp2 } from './connection-pool.ts';
import { isHttp2 } from './port-protocol.ts';
import type { Policy } from './traffic-policy.ts';
import { usesTlsFiles } from './upstream-tls.ts';

/** Istio has clusters for these, and none for ports of other protocols, on which callers name nobody. */
export function canForward({ protocol }: ServicePort): boolean {
  return protocol === 'http' || protocol === 'http2' || protocol === 'grpc' || protocol === 'tls';
}

/** Hosts are the names that callers ask for, looked up when they do (DYNAMIC_DNS). */
export function forwardProxyHead(
  name: string,
  host: MeshHost,
  proxy: Proxy | undefined,
  port: ServicePort,
  policy: Policy | undefined,
): Uint8Array {
  const config = create(DynamicForwardProxyClusterSchema, {
    clusterImplementationSpecifier: { case: 'dnsCacheConfig', value: dnsCache(host, proxy) },
    allowInsecureClusterOptions: takesOtherNames(port, policy),
  });
  const value = { name: 'envoy.clusters.dynamic_forward_proxy', typedConfig: anyPack(DynamicForwardProxyClusterSchema, config) };
  return toBinary(ClusterSchema, create(ClusterSchema, { name, clusterDiscoveryType: { case: 'clusterType', value } }));
}

/**
 * Envoy wants to be told that a server need not show the name which it is asked for. It asks as soon as the cluster has options for
 * HTTP, with TLS or without; istiod tells it with TLS only, and Envoy refuses its clusters for gRPC (docs/facts.md).
 */
function takesOtherNames({ protocol }: ServicePort, { tls, connectionPool }: Policy = {}): boolean {
  if (usesTlsFiles(tls)) return tls.sni !== '' || tls.insecureSkipVerify === true;
  return httpOptions(speaksHttp2(isHttp2(protocol), connectionPool), connectionPool) !== undefined;
}
