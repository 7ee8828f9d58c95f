import type { Ledger, LedgerTable } from '@isthmus/model';

/** A ledger in memory: the real ones may not be imported from here. */
export function testLedger(): Ledger {
  const tables = new Map<LedgerTable, Map<string, unknown>>();
  const table = (name: LedgerTable) => {
    const known = tables.get(name) ?? new Map<string, unknown>();
    tables.set(name, known);
    return known;
  };
  return {
    revision: 0,
    get: (name, key) => table(name).get(key),
    entries: (name) => table(name),
    put: (name, key, value) => void table(name).set(key, value),
    delete: (name, key) => void table(name).delete(key),
  };
}
