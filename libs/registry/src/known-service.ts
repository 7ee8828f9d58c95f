import { hash } from 'node:crypto';
import { endpointKey, sameRecord, serviceId } from '@isthmus/model';
import type { Endpoint, ServiceId, ServiceRecord } from '@isthmus/model';

/** What was read of one service; made when its answer comes, so that a snapshot of thousands is no long turn of the event loop. */
export interface ServiceRead {
  readonly id: ServiceId;
  readonly record: ServiceRecord;
  /**
   * Of the record, or of what it was made of: the same hash is the same record, another hash may be too. Cheaper to keep than its
   * text (10,000 services of ten instances would have 50 MB of it).
   */
  readonly hash: string;
  /** Its instances survive a restart of the registry, so their absence means something at once. */
  readonly persistent: boolean;
}

/** What we say of one service: what was read, plus what is held. */
export interface KnownService extends ServiceRead {
  /** Instances from before the connection was lost that have not come back: they go when the grace ends. */
  readonly held: readonly Endpoint[];
}

export function serviceRead(record: ServiceRecord, persistent: boolean): ServiceRead {
  return { id: serviceId(record.key), record, hash: hashOf(record), persistent };
}

/** Undefined when there is nothing to say: no instance, no held one and nothing wrong. */
export function knownService(read: ServiceRead, held: readonly Endpoint[]): KnownService | undefined {
  if (read.record.endpoints.length + read.record.diagnostics.length + held.length === 0) return undefined;
  const { id, persistent } = read;
  if (held.length === 0) return { id, record: read.record, hash: read.hash, persistent, held };
  const record = { ...read.record, endpoints: sorted([...read.record.endpoints, ...held]) };
  return { id, record, hash: hashOf(record), persistent, held };
}

/**
 * The same, with the record that there was where both say the same: the reader has that one, and two of each would be twice the
 * memory. Nacos 2 repeats most pushes of a large read, each of which left a second copy behind (docs/facts.md, "Stalls").
 */
export function sharingRecord(next: KnownService, old: KnownService | undefined): KnownService {
  if (old === undefined || (next.hash !== old.hash && !sameRecord(old.record, next.record))) return next;
  return { ...next, record: old.record };
}

/** Whether the reader has to be told of what shares its record with what was known before. */
export function isNews(next: KnownService, old: KnownService | undefined): boolean {
  return next.record !== old?.record;
}

/** Nothing of it was read, so all of it is held: the record does not change. */
function allHeld({ id, record, hash: same, persistent }: KnownService): KnownService | undefined {
  return record.endpoints.length === 0 ? undefined : { id, record, hash: same, persistent, held: record.endpoints };
}

/** The same service without endpoints: a removal that must wait. */
export function emptied(known: KnownService): KnownService {
  return { ...withEndpoints(known, []), held: [] };
}

/** The same service without what is held; undefined when nothing is left. */
export function withoutHeld(known: KnownService): KnownService | undefined {
  if (known.held.length === 0) return knownService(known, []);
  if (known.held.length === known.record.endpoints.length) return undefined;
  const held = new Set(known.held.map(endpointKey));
  const endpoints = known.record.endpoints.filter((endpoint) => !held.has(endpointKey(endpoint)));
  return knownService({ ...known, ...serviceRead({ ...known.record, endpoints }, known.persistent) }, []);
}

/** Those of `endpoints` that the new read does not have. */
export function absentFrom(read: ServiceRead, endpoints: readonly Endpoint[]): readonly Endpoint[] {
  if (endpoints.length === 0) return endpoints;
  const there = new Set(read.record.endpoints.map(endpointKey));
  return endpoints.filter((endpoint) => !there.has(endpointKey(endpoint)));
}

/** What a complete read makes of a service: ephemeral instances that it does not have are held. */
export function committed(old: KnownService | undefined, read: ServiceRead | undefined): KnownService | undefined {
  if (old === undefined || old.persistent) return read && knownService(read, []);
  if (read === undefined || read.record.endpoints.length === 0) return allHeld(old) ?? (read && knownService(read, []));
  return knownService(read, read.hash === old.hash ? [] : absentFrom(read, old.record.endpoints));
}

function withEndpoints(known: KnownService, endpoints: readonly Endpoint[]): ServiceRead {
  return serviceRead({ ...known.record, endpoints, diagnostics: [] }, known.persistent);
}

function hashOf(record: ServiceRecord): string {
  return hash('sha1', JSON.stringify(record), 'base64');
}

function sorted(endpoints: readonly Endpoint[]): readonly Endpoint[] {
  return endpoints
    .map((endpoint) => [endpointKey(endpoint), endpoint] as const)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, endpoint]) => endpoint);
}
