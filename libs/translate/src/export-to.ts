import type { MeshService } from '@isthmus/model';

/**
 * What Istio takes (`validateExportTo`): no namespace twice, `.` being the service's own; `*` and `~` alone. Undefined: all
 * see it, as the mesh's default has it.
 */
export function exportTo(service: Pick<MeshService, 'namespace' | 'exportTo'>): string[] {
  const given = service.exportTo ?? [];
  if (given.includes('*')) return ['*'];
  const named = new Set(given.filter((to) => to !== '~').map((to) => (to === '.' ? service.namespace : to)));
  if (named.size === 0) return given.includes('~') ? ['~'] : [];
  return [...named].map((to) => (to === service.namespace ? '.' : to)).sort();
}
