import type { MeshService } from '@isthmus/model';

/** Labels of every object that Isthmus gives to Istio. */
export const OBJECT_LABELS: Readonly<Record<string, string>> = { 'app.kubernetes.io/managed-by': 'isthmus' };

/** Which services of which registries an object was made from, as `explain` names them. */
export function objectAnnotations(service: MeshService): Readonly<Record<string, string>> {
  return { 'isthmus.dev/origins': service.origins.toSorted().join(',') };
}
