import { BlockList, isIP } from 'node:net';

/** Where a server listens. */
export interface ListenAddress {
  /** IP literal without brackets, or `localhost`. */
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
}

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4');
LOOPBACK.addAddress('::1', 'ipv6');

/** `127.0.0.1:15010`, `[::1]:15010`, `localhost:15010`; undefined for anything else, a bare port included. */
export function parseListen(text: string): ListenAddress | undefined {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text);
  if (match === null) return undefined;
  const [, six, four, digits] = match;
  const port = Number(digits);
  if (port > 65_535) return undefined;
  if (six !== undefined) return isIP(six) === 6 ? { host: six, port } : undefined;
  // A name would be resolved at start, to who knows what: "beyond loopback or not" must be seen in the file.
  return four !== undefined && (isIP(four) === 4 || four === 'localhost') ? { host: four, port } : undefined;
}

export function formatListen(address: ListenAddress): string {
  return address.host.includes(':') ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}

/** Only this machine can connect to it. */
export function isLoopback(host: string): boolean {
  if (host === 'localhost') return true;
  const family = isIP(host);
  return family !== 0 && LOOPBACK.check(host, family === 6 ? 'ipv6' : 'ipv4');
}
