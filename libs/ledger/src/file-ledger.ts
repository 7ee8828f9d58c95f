import { createReadStream } from 'node:fs';
import { mkdir, open, rename } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { IsthmusError, LEDGER_TABLES, messageOf } from '@isthmus/model';
import type { Diagnostic, Ledger, LedgerTable } from '@isthmus/model';
import { EntryBound } from './entry-bound.ts';
import { ForeignLines } from './foreign-lines.ts';
import { lockFile } from './file-lock.ts';
import { HEADER, formatLine, parseLine } from './journal-line.ts';
import type { JournalEntry } from './journal-line.ts';
import { MemoryLedger } from './memory-ledger.ts';

/** A change is handed to the system at once, so that `kill -9` loses nothing; against power loss it is synced this often. */
const SYNC_MS = 250;
/** After a failed write. */
const RETRY_MS = 5_000;
/** Bytes written at once, about 2 ms of JSON. */
const CHUNK = 128 * 1024;
/** ms of lines in one turn of the event loop: records that were last used long ago take five times as long. */
const TURN_MS = 3;
/** The journal is rewritten when it is this many times longer than what lives in it. */
const COMPACT_RATIO = 2;
const COMPACT_MIN_LINES = 4096;
const MOST_ENTRIES = 500_000;

/**
 * A ledger in one directory: an append-only journal of checksummed lines, rewritten when most of it is history.
 * Crash-safe: a rewrite goes to a new file that takes the old one's name only when it is whole and synced; a torn last
 * line is dropped. Writing never blocks the caller: changes wait in a set bounded by the number of keys.
 */
export class FileLedger implements Ledger {
  readonly #memory = new MemoryLedger();
  readonly #directory: string;
  readonly #bound: EntryBound;
  readonly #dirty = new Map<string, Pick<JournalEntry, 'table' | 'key'>>();
  readonly #foreign = new ForeignLines();
  #file: FileHandle | undefined;
  #unlock: (() => Promise<void>) | undefined;
  #lines = 0;
  #scheduled = false;
  #sync: NodeJS.Timeout | undefined;
  #writing: Promise<void> = Promise.resolve();
  #diagnostics: Diagnostic[] = [];

  private constructor(directory: string, maxEntries: number) {
    this.#directory = directory;
    this.#bound = new EntryBound(maxEntries);
  }

  /**
   * @param maxEntries entries on disk; records beyond are kept in memory only. Default 500,000.
   * @throws IsthmusError `ledger.unreadable` (another version) or `ledger.unwritable` (rights, a second bridge).
   */
  static async open(directory: string, maxEntries = MOST_ENTRIES): Promise<FileLedger> {
    const ledger = new FileLedger(directory, maxEntries);
    try {
      await mkdir(directory, { recursive: true, mode: 0o700 });
      ledger.#unlock = await lockFile(join(directory, 'lock'));
      await ledger.#load();
      await ledger.#rewrite();
    } catch (cause) {
      await ledger.#file?.close();
      await ledger.#unlock?.();
      if (IsthmusError.is(cause)) throw cause;
      throw new IsthmusError('ledger.unwritable', `the ledger cannot be opened: ${messageOf(cause)}`, {
        where: directory,
        meaning: 'without it a restart would forget what is known while a registry is down',
        remedy: 'let ledger.file name a directory that the bridge may write',
        cause,
      });
    }
    return ledger;
  }

  get revision(): number {
    return this.#memory.revision;
  }

  /** Damage found at the start, or that the disk refuses writes now. */
  get diagnostics(): readonly Diagnostic[] {
    const path = join(this.#directory, 'journal');
    return [...this.#diagnostics, ...this.#foreign.diagnostics(path), ...this.#bound.diagnostics(this.#directory)];
  }

  get(table: LedgerTable, key: string): unknown {
    return this.#memory.get(table, key);
  }

  entries(table: LedgerTable): ReadonlyMap<string, unknown> {
    return this.#memory.entries(table);
  }

  put(table: LedgerTable, key: string, value: unknown): void {
    const before = this.#memory.revision;
    const isNew = this.#memory.get(table, key) === undefined;
    this.#memory.put(table, key, value);
    if (this.#memory.revision === before) return;
    if (this.#bound.admits(table, key, isNew, this.#live())) this.#touch(table, key);
  }

  delete(table: LedgerTable, key: string): void {
    const before = this.#memory.revision;
    this.#memory.delete(table, key);
    if (this.#memory.revision !== before && !this.#bound.forget(table, key)) this.#touch(table, key);
  }

  /** Resolves when everything changed so far is on disk. */
  flush(): Promise<void> {
    clearTimeout(this.#sync);
    this.#sync = undefined;
    this.#writing = this.#writing.then(async () => {
      // What could not be written must not be taken for said by a sync that has nothing to do.
      if (await this.#write()) await this.#guarded(() => this.#file?.datasync());
    });
    return this.#writing;
  }

  async close(): Promise<void> {
    await this.flush();
    await this.#file?.close();
    this.#file = undefined;
    await this.#unlock?.();
  }

  #touch(table: LedgerTable, key: string): void {
    this.#dirty.set(`${table} ${key}`, { table, key });
    this.#schedule();
  }

  /** One write at a time; what changes meanwhile goes with the next. */
  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#writing = this.#writing.then(async () => void (await this.#write()));
      this.#sync ??= setTimeout(() => void this.flush(), SYNC_MS).unref();
    });
  }

  /** False when the disk refuses. */
  async #write(): Promise<boolean> {
    this.#scheduled = false;
    if (this.#dirty.size === 0 || this.#file === undefined) return true;
    const file = this.#file;
    const batch = [...this.#dirty];
    this.#dirty.clear();
    const written = await this.#guarded(async () => {
      await this.#append(file, linesOf(this.#valuesOf(batch)));
      if (this.#lines > Math.max(COMPACT_MIN_LINES, COMPACT_RATIO * this.#live())) await this.#rewrite();
    });
    if (written) return true;
    for (const [id, at] of batch) this.#dirty.set(id, at);
    setTimeout(() => this.#schedule(), RETRY_MS).unref();
    return false;
  }

  *#valuesOf(batch: readonly (readonly [string, Pick<JournalEntry, 'table' | 'key'>])[]): Generator<JournalEntry> {
    for (const [, { table, key }] of batch) yield { table, key, value: this.#memory.get(table, key) };
  }

  /** A full disk must not stop discovery: go on in memory, say so, and try again. */
  async #guarded(write: () => Promise<void> | undefined): Promise<boolean> {
    const others = this.#diagnostics.filter((d) => d.severity !== 'error');
    try {
      await write();
      this.#diagnostics = others;
      return true;
    } catch (error) {
      this.#diagnostics = [...others, unwritable(this.#directory, error)];
      return false;
    }
  }

  async #append(file: FileHandle, lines: Iterable<string>): Promise<void> {
    let chunk = '';
    let turnEnds = performance.now() + TURN_MS;
    for (const line of lines) {
      chunk += line;
      this.#lines += 1;
      if (chunk.length >= CHUNK) {
        await file.appendFile(chunk);
        chunk = '';
      } else if (performance.now() < turnEnds) continue;
      await nextTurn();
      turnEnds = performance.now() + TURN_MS;
    }
    if (chunk !== '') await file.appendFile(chunk);
  }

  #live(): number {
    return LEDGER_TABLES.reduce((sum, table) => sum + this.#memory.entries(table).size, this.#foreign.size);
  }

  /** Writes what lives to a new journal. Entries changed meanwhile are in `#dirty` and follow, so the last line wins. */
  async #rewrite(): Promise<void> {
    const path = join(this.#directory, 'journal');
    const next = await open(`${path}.new`, 'w', 0o600);
    try {
      await next.appendFile(`${HEADER}\n`);
      this.#lines = 0;
      for (const table of LEDGER_TABLES) {
        const entries = this.#memory.entries(table);
        const written = entries.entries().filter(([key]) => this.#bound.isWritten(table, key));
        await this.#append(next, linesOf(written.map(([key, value]) => ({ table, key, value }))));
      }
      await this.#append(
        next,
        this.#foreign.texts().map((text) => `${text}\n`),
      );
      await next.sync();
      await rename(`${path}.new`, path);
    } catch (error) {
      await next.close();
      throw error;
    }
    await this.#file?.close();
    this.#file = next;
  }

  async #load(): Promise<void> {
    const path = join(this.#directory, 'journal');
    const file = await open(path, 'r').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined;
      throw error;
    });
    if (file === undefined) return;
    await file.close();
    let number = 0;
    const damaged: number[] = [];
    for await (const line of createInterface({ input: createReadStream(path, 'utf8'), crlfDelay: Number.POSITIVE_INFINITY })) {
      number += 1;
      if (number === 1) {
        if (line !== HEADER) throw otherVersion(path, line);
        continue;
      }
      const entry = parseLine(line);
      if (entry === undefined) damaged.push(number);
      else if ('text' in entry) this.#foreign.take(entry);
      else if (entry.value === undefined) this.#memory.delete(entry.table, entry.key);
      else this.#memory.put(entry.table, entry.key, entry.value);
      if (number % 500 === 0) await nextTurn();
    }
    if (damaged.length > 0) this.#diagnostics.push(damage(path, damaged, number));
  }
}

function* linesOf(entries: Iterable<JournalEntry>): Generator<string> {
  for (const entry of entries) yield formatLine(entry);
}

function otherVersion(path: string, line: string): IsthmusError {
  return new IsthmusError(
    'ledger.unreadable',
    `not a ledger of this version: it starts with ${JSON.stringify(line.slice(0, 60))}`,
    {
      where: `${path}:1`,
      meaning: 'nothing in it was touched',
      remedy: 'run the bridge version that wrote it, or move the file away to start from what the registries say',
    },
  );
}

function unwritable(directory: string, error: unknown): Diagnostic {
  return {
    code: 'ledger.damaged',
    severity: 'error',
    where: directory,
    what: `the ledger cannot be written: ${messageOf(error)}`,
    meaning: 'the bridge goes on, but a restart now would know an older state',
    remedy: 'free disk space or mend the rights of the directory; it is tried again every few seconds',
  };
}

function damage(path: string, lines: readonly number[], last: number): Diagnostic {
  const torn = lines.length === 1 && lines[0] === last;
  return {
    code: 'ledger.damaged',
    severity: torn ? 'info' : 'warning',
    where: `${path}:${lines[0]}`,
    what: torn ? 'the last line was cut off by a crash' : `${lines.length} lines do not match their checksum`,
    meaning: 'those entries are dropped; the registries will say them again',
    remedy: torn ? 'nothing to do' : 'check the disk',
  };
}
