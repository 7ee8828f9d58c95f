import { isIP } from 'node:net';
import { takesTraffic } from '@isthmus/model';
import type { MeshService } from '@isthmus/model';

/** Addresses of the instances that serve a port: what callers dial who found a service without an address of its own by DNS. */
export function instancesOf({ endpoints }: MeshService, portName: string): readonly string[] {
  const found = endpoints.filter((e) => e.portName === portName && takesTraffic(e.endpoint) && isIP(e.endpoint.address) !== 0);
  return [...new Set(found.map(({ endpoint }) => endpoint.address))];
}
