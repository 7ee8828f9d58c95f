import type { Diagnostic, LedgerTable } from '@isthmus/model';

/**
 * Keeps a ledger on disk from growing for ever: records beyond the bound are served all the same, and are what a restart
 * forgets. Everything else is small and is never left out.
 */
export class EntryBound {
  readonly #most: number;
  readonly #over = new Set<string>();

  /** @param most entries on disk, of all tables */
  constructor(most: number) {
    this.#most = most;
  }

  /** Whether an entry is to be written. `live`: how many there are in all, it included. */
  admits(table: LedgerTable, key: string, isNew: boolean, live: number): boolean {
    if (table !== 'record') return true;
    if (isNew && live - this.#over.size > this.#most) this.#over.add(key);
    return this.isWritten(table, key);
  }

  isWritten(table: LedgerTable, key: string): boolean {
    return table !== 'record' || !this.#over.has(key);
  }

  /** It is gone; true when it was never written. */
  forget(table: LedgerTable, key: string): boolean {
    return table === 'record' && this.#over.delete(key);
  }

  diagnostics(directory: string): readonly Diagnostic[] {
    if (this.#over.size === 0) return [];
    return [
      {
        code: 'ledger.full',
        severity: 'warning',
        where: directory,
        what: `${this.#over.size} services are not kept on disk: the ledger has ${this.#most} entries, which is its bound`,
        meaning: 'they are served, and forgotten if the bridge restarts while their registry is down',
        remedy: 'raise ledger.maxEntries (a service takes about 300 bytes and an instance 300 more), or read fewer services',
      },
    ];
  }
}
