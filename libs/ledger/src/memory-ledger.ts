import { LEDGER_TABLES } from '@isthmus/model';
import type { Ledger, LedgerTable } from '@isthmus/model';

/** The tables themselves; every store is one of these with a way to keep it. */
export class MemoryLedger implements Ledger {
  readonly #tables = Object.fromEntries(LEDGER_TABLES.map((table) => [table, new Map()])) as Readonly<
    Record<LedgerTable, Map<string, unknown>>
  >;
  #revision = 0;

  get revision(): number {
    return this.#revision;
  }

  get(table: LedgerTable, key: string): unknown {
    return this.#tables[table].get(key);
  }

  entries(table: LedgerTable): ReadonlyMap<string, unknown> {
    return this.#tables[table];
  }

  put(table: LedgerTable, key: string, value: unknown): void {
    if (this.#tables[table].get(key) === value) return;
    this.#tables[table].set(key, value);
    this.#revision += 1;
  }

  delete(table: LedgerTable, key: string): void {
    if (this.#tables[table].delete(key)) this.#revision += 1;
  }
}
