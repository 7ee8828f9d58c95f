import type { IstioObject } from './istio-object.ts';

/** How a rule with `exportTo` is seen from a namespace; the order is that of precedence. `none`: not at all. */
export type Visibility = 'own' | 'exported' | 'public' | 'none';

/** Istio's reading of `exportTo`: empty is `*`, `*` wins over all others, `~` over all but `*`, `.` is the rule's own namespace. */
export function visibilityIn(namespace: string, rule: IstioObject<'VirtualService' | 'DestinationRule'>): Visibility {
  const { exportTo } = rule.spec;
  if (exportTo.length === 0 || exportTo.includes('*')) return 'public';
  if (exportTo.includes('~')) return 'none';
  if (!exportTo.some((to) => to === namespace || (to === '.' && rule.namespace === namespace))) return 'none';
  return rule.namespace === namespace ? 'own' : 'exported';
}
