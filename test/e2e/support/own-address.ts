import { networkInterfaces } from 'node:os';

/**
 * An IPv4 address of this machine that an EndpointSlice may have: Kubernetes refuses loopback and link-local ones there.
 * @throws {Error} on a machine without a network
 */
export function ownAddress(): string {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  const found = all.find((one) => one.family === 'IPv4' && !one.internal && !one.address.startsWith('169.254.'));
  if (found === undefined) throw new Error('this machine has no IPv4 address beside loopback, and EndpointSlices refuse that');
  return found.address;
}
