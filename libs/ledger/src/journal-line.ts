import { crc32 } from 'node:zlib';
import { LEDGER_TABLES } from '@isthmus/model';
import type { LedgerTable } from '@isthmus/model';

/** First line of a journal. Another version is refused, never guessed at. */
export const HEADER = '{"isthmusLedger":1}';

export interface JournalEntry {
  readonly table: LedgerTable;
  readonly key: string;
  /** Undefined: deleted. */
  readonly value: unknown;
}

/** Whole, and of a table that came with a later version. */
export interface ForeignLine {
  readonly table: string;
  readonly key: string;
  readonly isDeletion: boolean;
  readonly text: string;
}

const TABLES: readonly string[] = LEDGER_TABLES;

/** `<crc32 in 8 hex digits> ["table","key",value]`, or without a value for a deletion. One line, no line breaks inside. */
export function formatLine(entry: JournalEntry): string {
  const json = JSON.stringify(entry.value === undefined ? [entry.table, entry.key] : [entry.table, entry.key, entry.value]);
  return `${checksum(json)} ${json}\n`;
}

/** Undefined when the line is damaged: a crash can cut the last one, a disk can spoil any. */
export function parseLine(line: string): JournalEntry | ForeignLine | undefined {
  const json = line.slice(9);
  if (line[8] !== ' ' || checksum(json) !== line.slice(0, 8)) return undefined;
  const parsed: unknown = JSON.parse(json);
  if (!Array.isArray(parsed)) return undefined;
  const [table, key, value] = parsed as unknown[];
  if (typeof table !== 'string' || typeof key !== 'string') return undefined;
  if (!TABLES.includes(table)) return { table, key, isDeletion: value === undefined, text: line };
  return { table: table as LedgerTable, key, value };
}

function checksum(text: string): string {
  return crc32(text).toString(16).padStart(8, '0');
}
