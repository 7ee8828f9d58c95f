import type { Diagnostic } from '@isthmus/model';
import type { ForeignLine } from './journal-line.ts';

/**
 * What a newer bridge has in the journal and this one does not know: kept as it is written there, through every rewrite. Who goes
 * back one version, and forward again, would else have lost it, and been told of a bad disk.
 */
export class ForeignLines {
  readonly #byKey = new Map<string, ForeignLine>();

  get size(): number {
    return this.#byKey.size;
  }

  take(line: ForeignLine): void {
    const id = `${line.table} ${line.key}`;
    if (line.isDeletion) this.#byKey.delete(id);
    else this.#byKey.set(id, line);
  }

  /** As they are in the journal, without line breaks. */
  *texts(): Generator<string> {
    for (const { text } of this.#byKey.values()) yield text;
  }

  diagnostics(path: string): readonly Diagnostic[] {
    const count = this.#byKey.size;
    if (count === 0) return [];
    const tables = [...new Set([...this.#byKey.values()].map(({ table }) => table))].sort();
    return [
      {
        code: 'ledger.newer',
        severity: 'info',
        where: path,
        what: `${count === 1 ? '1 entry is' : `${count} entries are`} of a newer version: ${tables.slice(0, 10).join(', ')}`,
        meaning: 'they are kept for it, and count for nothing here',
        remedy: 'nothing to do; they are in force again when that version runs',
      },
    ];
  }
}
