import type { MeshService, Resource } from '@isthmus/model';
import { encodeLoadAssignment } from './encode-load-assignment.ts';
import { loadAssignment } from './load-assignment.ts';
import { outboundName } from './names.ts';
import { resource } from './resource.ts';

/** One ClusterLoadAssignment per service port. A DNS service has none: its cluster carries the names. */
export function endpointResources(service: MeshService): readonly Resource[] {
  if (service.resolution === 'dns') return [];
  return service.ports.map((port) => {
    const name = outboundName(service.host, port.number);
    return resource(name, encodeLoadAssignment(name, loadAssignment(service, port.name)));
  });
}
