import type { MeshService } from '@isthmus/model';

/**
 * What Istio takes (`validateExportTo`): no namespace twice, `.` being the service's own; `*` and `~` alone. Undefined: all
 * see it, as the mesh's default has it.
 */
export function exportTo(service: Pick<MeshService, 'namespace' | 'exportTo'>): string[] {
  const given = service.exportTo ?? [];
  if (given.includes('*')) return ['*'];
  if (given.includes('~')) return ['~']; // to nobody, whatever else it names: so does istiod, and so are our own Envoys told
  const named = new Set(given.map((to) => (to === '.' ? service.namespace : to)));
  return [...named].map((to) => (to === service.namespace ? '.' : to)).sort();
}
