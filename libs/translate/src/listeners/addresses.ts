import { isIP } from 'node:net';
import { takesTraffic } from '@isthmus/model';
import type { MeshService } from '@isthmus/model';
import { ANYWHERE } from './chain.ts';
import { parseCidr } from './cidr.ts';

/** Where callers reach a service: addresses and ranges, or `0.0.0.0` alone where it has none. */
export function addressesOf({ declared, vip }: MeshService): readonly string[] {
  const written = declared?.addresses.length ? declared.addresses : vip === undefined ? [] : [vip];
  const valid = written.flatMap((text) => {
    const cidr = parseCidr(text);
    if (cidr === undefined) return [];
    const whole = cidr.prefixLen === (cidr.addressPrefix.includes(':') ? 128 : 32);
    return [whole ? cidr.addressPrefix : text];
  });
  return valid.length === 0 ? [ANYWHERE] : valid;
}

/** Addresses of the instances that serve a port: what callers dial who found a service without an address of its own by DNS. */
export function instancesOf({ endpoints }: MeshService, portName: string): readonly string[] {
  const found = endpoints.filter((e) => e.portName === portName && takesTraffic(e.endpoint) && isIP(e.endpoint.address) !== 0);
  return [...new Set(found.map(({ endpoint }) => endpoint.address))];
}
