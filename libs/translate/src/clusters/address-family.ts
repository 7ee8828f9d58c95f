import { isIPv6 } from 'node:net';
import type { Proxy } from '../proxy.ts';

export type AddressFamily = 'v4' | 'v6';

/** Whose names a proxy can use: IPv6 only where it has nothing else, as Istio without dual stack. */
export function addressFamily(proxy: Pick<Proxy, 'addresses'> | undefined): AddressFamily {
  const addresses = proxy?.addresses ?? [];
  return addresses.length > 0 && addresses.every((address) => isIPv6(address)) ? 'v6' : 'v4';
}
