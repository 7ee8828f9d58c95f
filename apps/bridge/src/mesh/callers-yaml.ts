import { callerObjects, objectYaml } from '@isthmus/translate';
import type { MeshPublisher } from './mesh-publisher.ts';

/** What plans leave to callers, as Istio's objects, sorted by host: of `isthmus export --format istio`. `''` without plans. */
export function callersYaml({ rules, services }: MeshPublisher): string {
  const objects = [...rules.consumers.hosts()].sort().flatMap((host) => {
    const service = services.get(host);
    if (service === undefined) return [];
    const virtual = rules.virtualServices(service.namespace, 'mesh');
    return callerObjects(service, rules.consumers.entriesOf(host), {
      virtualService: virtual.find(({ spec }) => spec.hosts.includes(host)),
      destinationRule: rules.destinations.outbound(service, { namespace: service.namespace, labels: {} }),
    });
  });
  return objects.map((object) => `---\n${objectYaml(object)}`).join('');
}
