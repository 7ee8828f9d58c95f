import type { KnownRecord, Retained } from '@isthmus/catalog';
import { formatLocality, formatDuration, scopeId, scopeOf, serviceId } from '@isthmus/model';
import type { Endpoint, MeshHost } from '@isthmus/model';
import { placeOf } from '@isthmus/plans';
import type { PlaceKnowledge } from '@isthmus/plans';
import type { Engine } from '../engine/engine.ts';
import { whyLeftOut } from '../control/liveness-views.ts';
import { kindOf } from '../control/views.ts';

/** Made for Pods that a registry does not list yet (see `admittedEndpoint`). */
const ADMITTED = 'pod:';

/** What the bridge knows of one place of a host: what each registry says, what became of it and why. Asked for on demand. */
export function placeKnowledge(engine: Engine, host: MeshHost, sdkNames: readonly string[], at: string): PlaceKnowledge {
  const { catalog } = engine;
  const records = catalog.recordsOf(host);
  const isHere = (endpoint: Endpoint): boolean => placeOf(endpoint) === at;
  const listing = records.filter(({ said }) => said?.endpoints.some(isHere) === true);
  const inMesh = catalog.merged(host)?.endpoints.find(({ endpoint }) => isHere(endpoint));
  const [first] = listing;
  const raw = first?.said?.endpoints.find(isHere);
  const leftOut = leftOutOf(engine, host, records, isHere);
  const retained = records.flatMap(({ retained: all }) => [...all.values()]).find(({ endpoint }) => isHere(endpoint));
  const notFollowed = notFollowedOf(engine, listing.length > 0 ? listing : records);
  const changed = first === undefined || raw === undefined || inMesh === undefined ? undefined : changedBy(engine, first, raw, inMesh.endpoint); // prettier-ignore
  const names = new Set(sdkNames);
  return {
    listedBy: listing.map(({ record }) => serviceId(record.key)),
    ...(leftOut === undefined ? {} : { leftOut }),
    ...(retained === undefined ? {} : { retained: retainedOf(retained, catalog.now()) }),
    ...(inMesh?.endpoint.instanceId.startsWith(ADMITTED) === true ? { admitted: true } : {}),
    ...(notFollowed === undefined ? {} : { notFollowed }),
    ...(raw === undefined ? {} : { registry: fieldsOf(raw) }),
    ...(changed === undefined ? {} : { changed }),
    ...(listing.length > 0 && names.size > 0 && listing.every((known) => !names.has(sdkNameOf(engine, known)))
      ? { foreign: true }
      : {}),
  };
}

function leftOutOf(
  engine: Engine,
  host: MeshHost,
  records: readonly KnownRecord[],
  isHere: (endpoint: Endpoint) => boolean,
): PlaceKnowledge['leftOut'] {
  const { catalog } = engine;
  const origins = new Set(catalog.merged(host)?.origins);
  for (const known of records) {
    const id = serviceId(known.record.key);
    const refused = known.refused.find(({ endpoint }) => isHere(endpoint));
    if (refused !== undefined) {
      const ago = formatDuration(catalog.now() - refused.buriedAt);
      return { why: 'old-registration', reason: `deregistered ${ago} ago, and what is listed now is an older view of it` };
    }
    const endpoint = known.record.endpoints.find(isHere);
    if (endpoint === undefined) continue;
    const own = whyLeftOut(engine, id, endpoint);
    if (own !== undefined) return own;
    const rule = catalog.rules.excludedBy(known.record.key);
    if (rule !== undefined) return { why: 'filtered', reason: `${rule} leaves the service out` };
    if (endpoint.health === 'disabled') return { why: 'disabled', reason: 'disabled at the registry' };
    if (endpoint.health === 'unhealthy') return { why: 'unhealthy', reason: 'unhealthy at the registry' };
    if (endpoint.weight === 0) return { why: 'disabled', reason: 'weight 0' };
    if (!origins.has(id)) return { why: 'filtered', reason: `${[...origins].join(', ')} is published under this host` };
  }
  return undefined;
}

function retainedOf({ why, listed, since }: Retained, now: number): NonNullable<PlaceKnowledge['retained']> {
  return { why, ...(listed === undefined ? {} : { listed }), forMs: Math.max(0, now - since) };
}

function notFollowedOf({ catalog }: Engine, records: readonly KnownRecord[]): string | undefined {
  for (const { record } of records) {
    const status = catalog.scopeById(scopeId(scopeOf(record.key)))?.status;
    if (status?.state !== 'stale' && status?.state !== 'syncing') continue;
    return `${record.key.source}${'cause' in status ? ` (${status.cause})` : ''}`;
  }
  return undefined;
}

/** What rules made of it. */
function changedBy({ catalog }: Engine, { record }: KnownRecord, raw: Endpoint, published: Endpoint): PlaceKnowledge['changed'] {
  const before = fieldsOf(raw);
  const after = fieldsOf(published);
  const { did } = catalog.rules.map(record);
  const registry = {
    ...(before.weight === after.weight ? {} : { weight: before.weight }),
    ...(before.zone === after.zone ? {} : { zone: before.zone }),
    ...(before.protocol === after.protocol ? {} : { protocol: before.protocol }),
  };
  if (Object.keys(registry).length === 0) return undefined;
  return { rule: did.length === 0 ? 'what Kubernetes says of its Pod' : did.join(', '), registry };
}

function fieldsOf({ weight, locality, protocol, health }: Endpoint): Record<'weight' | 'zone' | 'protocol' | 'health', string> {
  return { weight: String(weight), zone: formatLocality(locality), protocol, health: health === 'healthy' && weight === 0 ? 'weight 0' : health }; // prettier-ignore
}

function sdkNameOf({ config }: Engine, { record }: KnownRecord): string {
  const { source, namespace, group, name } = record.key;
  return [kindOf(config.registries, source), namespace, group, name].join('/');
}
