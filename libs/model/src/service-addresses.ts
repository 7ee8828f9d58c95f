import { isIP } from 'node:net';
import { isHttpLike } from './endpoint.ts';
import type { MeshService } from './service.ts';

/** Istio's address of a service that has none. */
export const ANYWHERE = '0.0.0.0';

/** A CIDR range; an address alone is one of its whole length. */
export interface Cidr {
  readonly addressPrefix: string;
  readonly prefixLen: number;
}

/** Undefined where the text is no IP and no range. */
export function parseCidr(text: string): Cidr | undefined {
  const [address = '', length, more] = text.split('/');
  const version = isIP(address);
  if (version === 0 || more !== undefined) return undefined;
  const bits = version === 4 ? 32 : 128;
  if (length === undefined) return { addressPrefix: address, prefixLen: bits };
  if (!/^\d{1,3}$/.test(length) || Number(length) > bits) return undefined;
  return { addressPrefix: address, prefixLen: Number(length) };
}

/** Where callers reach a service: addresses, and ranges with a slash; `ANYWHERE` alone where it has none. */
export function serviceAddresses({ declared, vip }: MeshService): readonly string[] {
  const written = declared?.addresses.length ? declared.addresses : vip === undefined ? [] : [vip];
  const valid = written.flatMap((text) => {
    const cidr = parseCidr(text);
    if (cidr === undefined) return [];
    const whole = cidr.prefixLen === (cidr.addressPrefix.includes(':') ? 128 : 32);
    return [whole ? cidr.addressPrefix : text];
  });
  return valid.length === 0 ? [ANYWHERE] : valid;
}

/**
 * An outbound listener: of a port, which all services share that have no address of their own or speak HTTP there, or of an
 * address and a port, `10.1.2.3_3306`.
 */
export type ListenerPlace = number | `${string}_${number}`;

/** Where the service is listened for. */
export function listenerPlaces(service: MeshService): readonly ListenerPlace[] {
  const own = serviceAddresses(service).filter((address) => address !== ANYWHERE && !address.includes('/'));
  return service.ports.flatMap(({ number, protocol }) =>
    isHttpLike(protocol) ? [number] : [number, ...own.map((address) => `${address}_${number}` as const)],
  );
}
