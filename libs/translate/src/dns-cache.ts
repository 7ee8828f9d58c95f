import { Cluster_DnsLookupFamily } from '@isthmus/proto/envoy';
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { MeshHost } from '@isthmus/model';
import type { DnsCacheConfigSchema } from '@isthmus/proto/envoy';
import { addressFamily } from './clusters/address-family.ts';
import type { Proxy } from './proxy.ts';

/**
 * What Envoy has found for names below a wildcard host. The cluster and the filters before it share one by its name, and Envoy refuses
 * a second of that name that is not the same in everything.
 */
export function dnsCache(
  host: MeshHost,
  proxy: Pick<Proxy, 'addresses'> | undefined,
): MessageInitShape<typeof DnsCacheConfigSchema> {
  const v6 = addressFamily(proxy) === 'v6';
  return {
    name: `${host}_dfp_dns_cache`,
    dnsLookupFamily: v6 ? Cluster_DnsLookupFamily.V6_ONLY : Cluster_DnsLookupFamily.V4_ONLY,
  };
}
