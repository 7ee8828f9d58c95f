import type { MeshService } from '@isthmus/model';
import type { ServiceEntry } from '@isthmus/proto/istio';
import { contentVersion } from './resource.ts';

/**
 * Labels of an object that Isthmus gives to Istio.
 *
 * istiod tells the endpoints of a service apart by address and port name, not by port number (`IstioEndpoint.Key`, seen
 * in 1.27.9): when one of several instances on one machine goes, it may find "nothing changed" and push nothing, so that
 * Envoys keep the dead one. It does push when a label of the service changes. Where instances share an address, and
 * only there, a label follows their list.
 */
export function objectLabels(entry: ServiceEntry): Readonly<Record<string, string>> {
  const labels = { 'app.kubernetes.io/managed-by': 'isthmus' };
  const addresses = new Set(entry.endpoints.map((endpoint) => endpoint.address));
  if (addresses.size === entry.endpoints.length) return labels;
  return { ...labels, 'isthmus.dev/shared-addresses': contentVersion(JSON.stringify(entry.endpoints)) };
}

/**
 * Which services of which registries an object was made from, as `explain` names them. What came from another bridge has
 * made a hop already: bridges take no object that has made one, so that none keeps a service alive for the other.
 */
export function objectAnnotations({ origins, importedFrom }: MeshService): Readonly<Record<string, string>> {
  if (importedFrom === undefined) return { 'isthmus.dev/origins': origins.toSorted().join(',') };
  return { 'isthmus.dev/origins': importedFrom.join(','), 'isthmus.dev/hops': '1' };
}
