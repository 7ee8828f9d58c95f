import { hash } from 'node:crypto';
import { endpointKey } from '@isthmus/model';
import type { Endpoint, ServiceRecord } from '@isthmus/model';

/** What was read of one service. */
export interface ServiceRead {
  readonly record: ServiceRecord;
  /** Its instances survive a restart of Nacos, so their absence means something at once. */
  readonly persistent: boolean;
}

/** What we say of one service: what was read, plus what is held. */
export interface KnownService {
  readonly record: ServiceRecord;
  /** Of the record; cheaper to keep than its text (10,000 services of ten instances would have 50 MB of it). */
  readonly hash: string;
  readonly persistent: boolean;
  /** Instances from before the connection was lost that have not come back: they go when the grace ends. */
  readonly held: readonly Endpoint[];
}

/** Undefined when there is nothing to say: no instance, no held one and nothing wrong. */
export function knownService(read: ServiceRead, held: readonly Endpoint[]): KnownService | undefined {
  if (read.record.endpoints.length + read.record.diagnostics.length + held.length === 0) return undefined;
  const record = held.length === 0 ? read.record : { ...read.record, endpoints: sorted([...read.record.endpoints, ...held]) };
  return { record, hash: hash('sha1', JSON.stringify(record), 'base64'), persistent: read.persistent, held };
}

/** The same service without endpoints: a removal that must wait. */
export function emptied(known: KnownService): KnownService {
  const record = { ...known.record, endpoints: [], diagnostics: [] };
  return { record, hash: hash('sha1', JSON.stringify(record), 'base64'), persistent: known.persistent, held: [] };
}

/** The same service without what is held; undefined when nothing is left. */
export function withoutHeld(known: KnownService): KnownService | undefined {
  const held = new Set(known.held.map(endpointKey));
  const endpoints = known.record.endpoints.filter((endpoint) => !held.has(endpointKey(endpoint)));
  return knownService({ record: { ...known.record, endpoints }, persistent: known.persistent }, []);
}

/** Those of `endpoints` that the new read does not have. */
export function absentFrom(read: ServiceRead | undefined, endpoints: readonly Endpoint[]): readonly Endpoint[] {
  if (endpoints.length === 0 || read === undefined) return endpoints;
  const there = new Set(read.record.endpoints.map(endpointKey));
  return endpoints.filter((endpoint) => !there.has(endpointKey(endpoint)));
}

function sorted(endpoints: readonly Endpoint[]): readonly Endpoint[] {
  return endpoints
    .map((endpoint) => [endpointKey(endpoint), endpoint] as const)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, endpoint]) => endpoint);
}
