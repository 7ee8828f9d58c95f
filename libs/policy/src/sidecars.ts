import type { IstioObject } from '@isthmus/proto/istio';
import { compareAge } from './age.ts';
import type { ScopedProxy } from './scope/inputs.ts';
import { Imports } from './scope/imports.ts';
import { selects } from './selector.ts';

/** Sidecars in Istio's precedence: those with a selector first, then the older. */
export function inSidecarOrder(sidecars: Iterable<IstioObject<'Sidecar'>>): readonly IstioObject<'Sidecar'>[] {
  return [...sidecars].sort(
    (a, b) => Number(a.spec.workloadSelector === undefined) - Number(b.spec.workloadSelector === undefined) || compareAge(a, b),
  );
}

/**
 * The Sidecar that applies: one of the proxy's namespace that selects it, that namespace's without a selector, the root
 * namespace's; undefined: none, the proxy sees everything. A router has none. @param sidecars in `inSidecarOrder`
 */
export function sidecarFor(
  proxy: ScopedProxy,
  sidecars: readonly IstioObject<'Sidecar'>[],
  rootNamespace: string,
): IstioObject<'Sidecar'> | undefined {
  if (proxy.kind === 'router') return undefined;
  const own = sidecars.find(
    ({ namespace, spec }) => namespace === proxy.namespace && selects(spec.workloadSelector?.labels, proxy.labels),
  );
  return own ?? sidecars.find(({ namespace, spec }) => namespace === rootNamespace && spec.workloadSelector === undefined);
}

/** Whether its workloads may see the service, where no rule sends them there. */
export function importsService(
  { namespace, spec }: IstioObject<'Sidecar'>,
  service: { readonly namespace: string; readonly host: string },
): boolean {
  if (spec.egress.length === 0) return true;
  return spec.egress.some(({ hosts }) => new Imports(hosts, namespace).service(service.namespace, service.host));
}
