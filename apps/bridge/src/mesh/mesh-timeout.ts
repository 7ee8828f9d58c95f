import type { MeshHost } from '@isthmus/model';
import { covering } from './callers-dirt.ts';
import type { MeshPublisher } from './mesh-publisher.ts';

/**
 * The longest that the mesh gives a call to a host, retries included, ms: of the routes of the VirtualService that its own namespace
 * sees, whichever a call takes. Undefined where one of them says nothing: such a call may take as long as it takes.
 */
export function meshTimeout({ rules, services }: Pick<MeshPublisher, 'rules' | 'services'>, host: MeshHost): number | undefined {
  const service = services.get(host);
  const rule = service === undefined ? undefined : covering(rules.virtualServices(service.namespace, 'mesh'), host);
  // Redirects and fixed answers come at once.
  const routes = rule?.spec.http.filter(({ route }) => route.length > 0) ?? [];
  const timeouts = routes.map(({ timeout }) =>
    timeout === undefined ? 0 : Number(timeout.seconds) * 1_000 + timeout.nanos / 1e6,
  );
  return timeouts.length === 0 || timeouts.includes(0) ? undefined : Math.max(...timeouts);
}
