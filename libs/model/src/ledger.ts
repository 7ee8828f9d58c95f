/**
 * What cannot be derived from the registries alone, and so is an explicit input of the pure stages.
 *
 * - `record`: last known good, a `ServiceRecord` per `ServiceId`.
 * - `vip`: the address of a `MeshHost`, text.
 * - `held`: a `HeldRemoval` per `ScopeId`.
 */
export type LedgerTable = 'record' | 'vip' | 'held';

/** Same sources + same revision = same bytes on every replica. */
export interface LedgerView {
  /** Grows by one with every change. */
  readonly revision: number;
  get(table: LedgerTable, key: string): unknown;
  /** Live, in order of first writing. */
  entries(table: LedgerTable): ReadonlyMap<string, unknown>;
}

/** Values are immutable JSON; the ledger keeps the reference, so that last known good costs no second copy. */
export interface Ledger extends LedgerView {
  put(table: LedgerTable, key: string, value: unknown): void;
  delete(table: LedgerTable, key: string): void;
}

/** A mass deletion that waits for its confirmation (architecture, rule 2). */
export interface HeldRemoval {
  readonly since: number;
  /** Endpoints that would go, of how many the scope has. */
  readonly removing: number;
  readonly of: number;
  /** Services that would lose endpoints; sorted. */
  readonly services: readonly string[];
}
