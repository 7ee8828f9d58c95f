import { isIPv4, isIPv6 } from 'node:net';
import type { Proxy } from '../proxy.ts';

/** Addresses that a proxy binds, IPv4 first; more than one where the node has addresses of both families. */
export interface Binds {
  readonly wildcards: readonly [string, ...string[]];
  readonly localHosts: readonly [string, ...string[]];
}

const V4: Binds = { wildcards: ['0.0.0.0'], localHosts: ['127.0.0.1'] };
const V6: Binds = { wildcards: ['::'], localHosts: ['::1'] };
const BOTH: Binds = { wildcards: ['0.0.0.0', '::'], localHosts: ['127.0.0.1', '::1'] };

export function bindsOf({ addresses }: Pick<Proxy, 'addresses'>): Binds {
  const v6 = addresses.some(isIPv6);
  if (!v6) return V4;
  return addresses.some(isIPv4) ? BOTH : V6;
}
