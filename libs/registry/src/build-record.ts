import { endpointKey, serviceId } from '@isthmus/model';
import type { Diagnostic, Endpoint, MeshHost, ServiceKey, ServiceRecord } from '@isthmus/model';
import { buildEndpoint } from './build-endpoint.ts';
import type { BuiltEndpoint, RawInstance } from './build-endpoint.ts';
import { bounded, duplicate, preferred } from './shared-address.ts';

/** More than that in one service is a registry gone wrong, or an attack. */
export const MOST_ENDPOINTS = 50_000;

/** What only some sources can say of a service; `diagnostics` are those that are not of one instance. */
export type DeclaredService = Partial<
  Pick<ServiceRecord, 'ports' | 'vip' | 'declared' | 'meshNamespace' | 'exportTo' | 'origins' | 'diagnostics'>
>;

export type RecordResult = { readonly record: ServiceRecord } | { readonly rejected: Diagnostic };

/**
 * The one way from a registry's instances to a `ServiceRecord`: every source has the same rules for bad input.
 * Instances that were built before (with `buildEndpoint`, for this service) are taken as they are: a change of one among thousands
 * then costs one.
 *
 * Deterministic: the order in which the registry lists instances does not show.
 */
export function buildRecord(
  key: ServiceKey,
  host: MeshHost | undefined,
  instances: Iterable<RawInstance | BuiltEndpoint>,
  declared: DeclaredService = {},
): RecordResult {
  const where = serviceId(key);
  if (host === undefined) {
    return {
      rejected: {
        code: 'host.invalid',
        severity: 'error',
        where,
        what: `no DNS name can be made of "${key.name}"`,
        meaning: 'the service has no mesh host and is left out',
        remedy: 'rename it, or map it to a host under merge.hosts',
      },
    };
  }
  const { diagnostics: said = [], ...rest } = declared;
  const diagnostics: Diagnostic[] = [...said];
  const byAddress = new Map<string, Endpoint>();
  const sharing = new Map<string, Endpoint[]>();
  let count = 0;
  for (const raw of instances) {
    count += 1;
    if (count > MOST_ENDPOINTS) continue;
    const built = 'diagnostics' in raw ? raw : buildEndpoint(raw, where);
    diagnostics.push(...built.diagnostics);
    if (built.endpoint === undefined) continue;
    const at = endpointKey(built.endpoint);
    const other = byAddress.get(at);
    const others = sharing.get(at);
    if (others !== undefined) others.push(built.endpoint);
    else if (other !== undefined) sharing.set(at, [other, built.endpoint]);
    byAddress.set(at, other === undefined ? built.endpoint : preferred(other, built.endpoint));
  }
  for (const endpoints of sharing.values()) diagnostics.push(duplicate(where, endpoints));
  if (count > MOST_ENDPOINTS) {
    diagnostics.push({
      code: 'service.too-large',
      severity: 'error',
      where,
      what: `${count} instances, the most is ${MOST_ENDPOINTS}`,
      meaning: `the instances after the first ${MOST_ENDPOINTS} are left out`,
      remedy: 'split the service',
    });
  }
  const endpoints = [...byAddress.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, endpoint]) => endpoint);
  return { record: { key, host, endpoints, diagnostics: bounded(where, diagnostics), ...rest } };
}
