import { DynamicForwardProxyFilterSchema, SniDynamicForwardProxyFilterSchema } from '@isthmus/proto/envoy';
import type { MeshService } from '@isthmus/model';
import { dnsCache } from '../dns-cache.ts';
import type { Proxy } from '../proxy.ts';
import { typed } from './typed.ts';
import type { Typed } from './typed.ts';

const SNI_FILTER = 'envoy.extensions.filters.network.sni_dynamic_forward_proxy';

/** Before the router: what the Host header names is looked up first. None where hosts are found in another way. */
export function forwardProxyFilter(service: MeshService, proxy: Proxy): Typed | undefined {
  if (service.resolution !== 'dynamic-dns') return undefined;
  return typed('envoy.filters.http.dynamic_forward_proxy', DynamicForwardProxyFilterSchema, {
    implementationSpecifier: { case: 'dnsCacheConfig', value: dnsCache(service.host, proxy) },
  });
}

/** The same for what passes through: the name that a TLS client asks for, with the port of the listener. */
export function sniForwardProxyFilter(service: MeshService, proxy: Proxy, port: number): Typed | undefined {
  if (service.resolution !== 'dynamic-dns') return undefined;
  return typed(SNI_FILTER, SniDynamicForwardProxyFilterSchema, {
    dnsCacheConfig: dnsCache(service.host, proxy),
    portSpecifier: { case: 'portValue', value: port },
  });
}

/** Whether somebody has to read the name that a TLS client asks for. */
export function needsServerName(filters: readonly Typed[]): boolean {
  return filters.some(({ name }) => name === SNI_FILTER);
}
