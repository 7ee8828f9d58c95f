import type { ServiceId, ServiceRecord } from '@isthmus/model';
import { sameContent } from './known-record.ts';
import { NOTHING_RETAINED } from './scope-state.ts';
import type { KnownRecord, ScopeState } from './scope-state.ts';
import type { ScopeTable } from './scope-table.ts';

/** Records of a complete read taken between two looks at the clock: with the ledger and all who are told 50 µs each, or 200 cold. */
export const TAKEN_A_STEP = 20;

/** Who is told of records whose published content changed. */
export interface Changes {
  put(id: ServiceId, record: ServiceRecord): void;
  drop(id: ServiceId): void;
}

/** What is known of a service now, and is told where what is published of it differs. */
export function publishRecord(
  scopes: ScopeTable,
  { scope, id, changes }: { readonly scope: ScopeState; readonly id: ServiceId; readonly changes: Changes },
  known: KnownRecord,
  before: KnownRecord | undefined,
): void {
  // Where nothing is retained or refused, before and now, what is published is what was said, and that is compared already.
  const plain = before?.said === before?.record && known.said === known.record && known.said !== before?.said;
  const changed = plain || !sameContent(before?.record, known.record);
  // Nearly always nothing is retained, and one empty map is enough for all.
  scopes.put(scope, id, known.retained.size === 0 ? { ...known, retained: NOTHING_RETAINED } : known, changed);
  if (changed) changes.put(id, known.record);
}

/** Nothing is published of it any more. */
export function dropRecord(scopes: ScopeTable, scope: ScopeState, id: ServiceId, changes: Changes): void {
  if (!scope.records.has(id)) return;
  scopes.drop(scope, id);
  changes.drop(id);
}
