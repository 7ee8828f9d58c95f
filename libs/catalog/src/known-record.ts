import { endpointKey, sameRecord } from '@isthmus/model';
import type { Endpoint, RetainedEndpoint, ServiceRecord } from '@isthmus/model';
import { NOTHING_RETAINED } from './scope-state.ts';
import type { KnownRecord, Retained } from './scope-state.ts';
import type { Refused, Sifted } from './tombstones.ts';
import { hasTurned } from './turned-unhealthy.ts';

/** What the registry said of a service now, beside what was published of it before. */
export interface Comparison {
  /** Endpoints that were published, are not listed, and were listed until now. */
  readonly lost: readonly Endpoint[];
  /** Endpoints that were retained and are still not listed; and such as are held, and listed as unhealthy. */
  readonly missing: ReadonlyMap<string, Retained>;
  /** Endpoints that were published as well, and are listed as unhealthy. */
  readonly turned: readonly Endpoint[];
  /** Endpoints that come (back). */
  readonly added: number;
}

/** @param doubts whether what is called unhealthy may be held: `turned` is empty else */
export function compare(before: KnownRecord | undefined, listed: readonly Endpoint[], doubts: boolean): Comparison {
  if (before === undefined || before.record.endpoints.length === 0)
    return { lost: [], missing: NOTHING_RETAINED, turned: [], added: listed.length };
  const byKey = new Map(listed.map((endpoint) => [endpointKey(endpoint), endpoint]));
  const [lost, turned]: [Endpoint[], Endpoint[]] = [[], []];
  const missing = new Map<string, Retained>();
  let kept = 0;
  for (const endpoint of before.record.endpoints) {
    const key = endpointKey(endpoint);
    const now = byKey.get(key);
    const retained = before.retained.get(key);
    if (now !== undefined) kept += 1;
    if (now === undefined && retained === undefined) lost.push(endpoint);
    else if (now === undefined && retained !== undefined) missing.set(key, stillListed(retained, false));
    else if (doubts && hasTurned(endpoint, now)) {
      // Held among many; what only flaps, or went when its registry was away, is listed again and believed.
      if (retained?.why === 'mass') missing.set(key, stillListed(retained, true));
      else turned.push(endpoint);
    }
  }
  return { lost, missing: missing.size === 0 ? NOTHING_RETAINED : missing, turned, added: byKey.size - kept };
}

/** The same one where nothing changed: by it the leader of the replicas knows what it has decided. */
function stillListed(retained: Retained, is: boolean): Retained {
  const { listed, ...rest } = retained;
  if ((listed === true) === is) return retained;
  return is ? { ...rest, listed: true } : rest;
}

/** What is published: what is listed and not refused, and what is retained. Undefined: nothing is known any more. */
export function publishedRecord(
  before: ServiceRecord | undefined,
  said: ServiceRecord | undefined,
  { listed, refused }: Sifted,
  retained: ReadonlyMap<string, Retained>,
): ServiceRecord | undefined {
  if (retained.size === 0 && refused.length === 0) return said;
  const base = said ?? before;
  if (base === undefined || (said === undefined && retained.size === 0)) return undefined;
  const others = listed.filter((endpoint) => !retained.has(endpointKey(endpoint))); // it is unhealthy, and kept as it was
  const all = [...others, ...retained.values().map(({ endpoint }) => endpoint)];
  const sorted = all.map((endpoint) => [endpointKey(endpoint), endpoint] as const).sort(([a], [b]) => (a < b ? -1 : 1));
  return { ...base, endpoints: sorted.map(([, endpoint]) => endpoint) };
}

/** From the ledger: its retained endpoints begin to wait anew, because nobody watched. */
export function restoredRecord(
  record: ServiceRecord,
  retained: readonly RetainedEndpoint[],
  changedAt: number,
  from: number,
): KnownRecord {
  const waiting = new Map<string, Retained>();
  const byKey = new Map(record.endpoints.map((endpoint) => [endpointKey(endpoint), endpoint]));
  for (const { key, ...rest } of retained) {
    const endpoint = byKey.get(key);
    if (endpoint !== undefined) waiting.set(key, { ...rest, endpoint, from });
  }
  const refused: readonly Refused[] = [];
  const base = { record, changedAt, restored: true, refused };
  if (waiting.size === 0) return { ...base, said: record, retained: NOTHING_RETAINED };
  const listed = record.endpoints.flatMap((endpoint): readonly Endpoint[] => {
    const waits = waiting.get(endpointKey(endpoint));
    if (waits === undefined) return [endpoint];
    return waits.listed === true ? [{ ...endpoint, health: 'unhealthy' }] : [];
  });
  return { ...base, said: listed.length === 0 ? undefined : { ...record, endpoints: listed }, retained: waiting };
}

/** As the ledger keeps it. */
export function retainedEntries(retained: ReadonlyMap<string, Retained>): readonly RetainedEndpoint[] {
  return [...retained].map(([key, { why, listed, since, forMs }]) => ({
    ...{ key, why, since, forMs },
    ...(listed === undefined ? {} : { listed }),
  }));
}

export function sameContent(a: ServiceRecord | undefined, b: ServiceRecord | undefined): boolean {
  return b === undefined ? a === undefined : sameRecord(a, b);
}
