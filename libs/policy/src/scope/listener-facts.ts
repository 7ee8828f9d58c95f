import { sameData } from '@isthmus/model';
import type { MeshService } from '@isthmus/model';

/** All of a service that a listener or a route depends on: a change of anything else, such as its instances, leaves them alone. */
export function sameListenerFacts(a: MeshService, b: MeshService): boolean {
  if (a === b) return true;
  if (a.namespace !== b.namespace || a.resolution !== b.resolution || a.vip !== b.vip) return false;
  if (!sameData(a.ports, b.ports) || !sameData(a.exportTo, b.exportTo) || !sameData(a.declared, b.declared)) return false;
  // A service without an address of its own is listened for at those of its instances.
  return a.resolution !== 'none' || sameInstances(a, b);
}

/** The same places in the same order. */
function sameInstances({ endpoints: a }: MeshService, { endpoints: b }: MeshService): boolean {
  return (
    a.length === b.length &&
    a.every(({ endpoint, portName }, n) => {
      const other = b[n];
      if (other === undefined || other.portName !== portName) return false;
      return (
        other.endpoint === endpoint || (other.endpoint.address === endpoint.address && other.endpoint.port === endpoint.port)
      );
    })
  );
}

const NONE: ReadonlySet<string> = new Set();

/** Addresses that serve it in one but not in the other, or not alike. @param alike the same listener facts */
export function changedAddresses(a: MeshService | undefined, b: MeshService | undefined, alike: boolean): ReadonlySet<string> {
  if (alike && a !== undefined && b !== undefined && sameInstances(a, b)) return NONE;
  const instances = (service: MeshService | undefined): Map<string, string> =>
    new Map(
      service?.endpoints.map(({ endpoint, portName }) => [`${endpoint.address} ${endpoint.port} ${portName}`, endpoint.address]),
    );
  const [before, after] = [instances(a), instances(b)];
  const changed = new Set<string>();
  for (const [key, address] of before) if (!alike || !after.has(key)) changed.add(address);
  for (const [key, address] of after) if (!alike || !before.has(key)) changed.add(address);
  return changed;
}
