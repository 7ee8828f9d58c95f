import { isOnlyUnhealthy, takesTraffic } from '@isthmus/model';
import type { Endpoint, MeshService } from '@isthmus/model';
import { compareText, ordered } from './ordered.ts';

/** What may get requests for a port (`takesTraffic`): in the order of `endpointKey`, once per address and port. */
export function servingEndpoints(service: MeshService, portName: string): readonly Endpoint[] {
  return those(service, portName, false);
}

/** In the same order, with what would serve the port but for its health: for receivers that are told of it. */
export function knownEndpoints(service: MeshService, portName: string): readonly Endpoint[] {
  return those(service, portName, true);
}

function those(service: MeshService, portName: string, withUnhealthy: boolean): readonly Endpoint[] {
  const serving: Endpoint[] = [];
  for (const { endpoint, portName: name } of service.endpoints) {
    if (name !== portName) continue;
    if (takesTraffic(endpoint) || (withUnhealthy && isOnlyUnhealthy(endpoint))) serving.push(endpoint);
  }
  const sorted = ordered(serving, byContent);
  const isFirst = (endpoint: Endpoint, i: number) => {
    const before = sorted[i - 1];
    return before === undefined || before.port !== endpoint.port || before.address !== endpoint.address;
  };
  return sorted.every(isFirst) ? sorted : sorted.filter(isFirst);
}

/** Two registries may list one address: which of them is taken must not depend on who came first. */
function byContent(a: Endpoint, b: Endpoint): number {
  if (a.address !== b.address) return compareText(a.address, b.address);
  if (a.port !== b.port) return compareText(`${a.port}`, `${b.port}`);
  if (a.health !== b.health) return takesTraffic(a) ? -1 : 1;
  return b.weight - a.weight || compareText(JSON.stringify(a), JSON.stringify(b));
}
