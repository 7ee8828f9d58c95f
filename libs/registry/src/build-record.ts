import { endpointKey, serviceId } from '@isthmus/model';
import type { Diagnostic, Endpoint, MeshHost, ServiceKey, ServiceRecord } from '@isthmus/model';
import { buildEndpoint } from './build-endpoint.ts';
import type { BuiltEndpoint, RawInstance } from './build-endpoint.ts';

/** More than that in one service is a registry gone wrong, or an attack. */
const MOST_ENDPOINTS = 50_000;
/** A service with thousands of bad instances says so once, with the count. */
const MOST_DIAGNOSTICS = 50;
/** Instances of one address that a message names. */
const MOST_NAMED = 5;

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

/** Two entries of one address are one process; the one that takes traffic wins, then the smaller id (order must not show). */
function preferred(a: Endpoint, b: Endpoint): Endpoint {
  if ((a.health === 'healthy') !== (b.health === 'healthy')) return a.health === 'healthy' ? a : b;
  return a.instanceId <= b.instanceId ? a : b;
}

/** One for an address, however many share it, so that the order of the list does not show. */
function duplicate(where: string, endpoints: readonly Endpoint[]): Diagnostic {
  const ids = endpoints.map(({ instanceId }) => instanceId).sort();
  const [first] = endpoints;
  const named =
    ids.length <= MOST_NAMED ? ids.slice(0, -1) : [...ids.slice(0, MOST_NAMED - 1), `${ids.length - MOST_NAMED} others`];
  return {
    code: 'endpoint.duplicate',
    severity: 'warning',
    where,
    what: `instances ${named.join(', ')} and ${ids.at(-1)} share the address ${first?.address}:${first?.port}`,
    meaning: 'they count as one endpoint',
    remedy: 'deregister what is left over from an earlier run',
  };
}

function bounded(where: string, diagnostics: Diagnostic[]): readonly Diagnostic[] {
  const sorted = diagnostics.sort((a, b) => compare(`${a.where} ${a.code} ${a.what}`, `${b.where} ${b.code} ${b.what}`));
  if (sorted.length <= MOST_DIAGNOSTICS) return sorted;
  const rest = sorted.length - MOST_DIAGNOSTICS;
  return [
    ...sorted.slice(0, MOST_DIAGNOSTICS),
    {
      code: 'service.too-large',
      severity: 'warning',
      where,
      what: `${rest} more problems in this service`,
      meaning: 'only the first ones are listed',
      remedy: 'mend those first',
    },
  ];
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
