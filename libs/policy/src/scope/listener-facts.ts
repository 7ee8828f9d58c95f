import type { MeshService } from '@isthmus/model';

/** All of a service that a listener or a route depends on: a change of anything else, such as its instances, leaves them alone. */
export function listenerFacts(service: MeshService): string {
  const { namespace, resolution, ports, vip, exportTo, declared } = service;
  // A service without an address of its own is listened for at those of its instances.
  const instances = resolution === 'none' ? service.endpoints.map(({ endpoint }) => [endpoint.address, endpoint.port]) : [];
  return JSON.stringify([namespace, resolution, ports, vip, exportTo, declared, instances]);
}

/** Whether its clusters may be others than before: all but the instances, which EDS tells, unless a cluster lists them itself. */
export function sameButInstances(a: MeshService, b: MeshService): boolean {
  if (a.resolution !== 'static' || b.resolution !== 'static') return false;
  return listenerFacts(a) === listenerFacts(b);
}

/** Addresses that serve it in one but not in the other, or not alike. */
export function changedAddresses(a: MeshService | undefined, b: MeshService | undefined): Set<string> {
  const instances = (service: MeshService | undefined): Map<string, string> =>
    new Map(
      service?.endpoints.map(({ endpoint, portName }) => [`${endpoint.address} ${endpoint.port} ${portName}`, endpoint.address]),
    );
  const alike = a !== undefined && b !== undefined && listenerFacts(a) === listenerFacts(b);
  const [before, after] = [instances(a), instances(b)];
  const changed = new Set<string>();
  for (const [key, address] of before) if (!alike || !after.has(key)) changed.add(address);
  for (const [key, address] of after) if (!alike || !before.has(key)) changed.add(address);
  return changed;
}
