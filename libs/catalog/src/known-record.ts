import { endpointKey, sameRecord } from '@isthmus/model';
import type { Endpoint, RetainedEndpoint, ServiceRecord } from '@isthmus/model';
import { NOTHING_RETAINED } from './scope-state.ts';
import type { KnownRecord, Retained } from './scope-state.ts';
import type { Refused, Sifted } from './tombstones.ts';

/** What the registry said of a service now, beside what was published of it before. */
export interface Comparison {
  /** Endpoints that were published, are not listed, and were listed until now. */
  readonly lost: readonly Endpoint[];
  /** Endpoints that were retained and are still not listed. */
  readonly missing: ReadonlyMap<string, Retained>;
  /** Endpoints that come (back). */
  readonly added: number;
}

export function compare(before: KnownRecord | undefined, listed: readonly Endpoint[]): Comparison {
  if (before === undefined || before.record.endpoints.length === 0)
    return { lost: [], missing: NOTHING_RETAINED, added: listed.length };
  const keys = new Set(listed.map(endpointKey));
  const lost: Endpoint[] = [];
  const missing = new Map<string, Retained>();
  let kept = 0;
  for (const endpoint of before.record.endpoints) {
    const key = endpointKey(endpoint);
    const retained = before.retained.get(key);
    if (keys.has(key)) kept += 1;
    else if (retained === undefined) lost.push(endpoint);
    else missing.set(key, retained);
  }
  return { lost, missing: missing.size === 0 ? NOTHING_RETAINED : missing, added: keys.size - kept };
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
  const all = [...listed, ...retained.values().map(({ endpoint }) => endpoint)];
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
  const listed = record.endpoints.filter((endpoint) => !waiting.has(endpointKey(endpoint)));
  return { ...base, said: listed.length === 0 ? undefined : { ...record, endpoints: listed }, retained: waiting };
}

/** As the ledger keeps it. */
export function retainedEntries(retained: ReadonlyMap<string, Retained>): readonly RetainedEndpoint[] {
  return [...retained].map(([key, { why, since, forMs }]) => ({ key, why, since, forMs }));
}

export function sameContent(a: ServiceRecord | undefined, b: ServiceRecord | undefined): boolean {
  return b === undefined ? a === undefined : sameRecord(a, b);
}
