import { segmentOf } from './segment.ts';
import type { SegmentName } from './segment.ts';

/** One entry that changed; undefined: gone. */
export interface LedgerChange {
  readonly table: string;
  readonly key: string;
  readonly value: unknown;
}

/** The shared tables in memory, readable by table and by segment. */
export class SharedTables {
  readonly #tables = new Map<string, Map<string, unknown>>();
  readonly #segments = new Map<SegmentName, Map<string, unknown>>();

  get(table: string, key: string): unknown {
    return this.#tables.get(table)?.get(key);
  }

  entries(table: string): ReadonlyMap<string, unknown> {
    return this.#tables.get(table) ?? NOTHING;
  }

  segment(name: SegmentName): ReadonlyMap<string, unknown> {
    return this.#segments.get(name) ?? NOTHING;
  }

  segmentNames(): Iterable<SegmentName> {
    return this.#segments.keys();
  }

  apply(changes: Iterable<LedgerChange>): void {
    for (const { table, key, value } of changes) {
      set(this.#tables, table, key, value);
      set(this.#segments, segmentOf(table, key), key, value);
    }
  }

  /** What has to change for the segment to have that content. */
  difference(name: SegmentName, table: string, content: ReadonlyMap<string, unknown>): readonly LedgerChange[] {
    const before = this.segment(name);
    const changes: LedgerChange[] = [];
    for (const [key, value] of content) if (!sameValue(before.get(key), value)) changes.push({ table, key, value });
    for (const key of before.keys()) if (!content.has(key)) changes.push({ table, key, value: undefined });
    return changes;
  }
}

function set<Name extends string>(index: Map<Name, Map<string, unknown>>, name: Name, key: string, value: unknown): void {
  let map = index.get(name);
  if (value === undefined) {
    if (map?.delete(key) === true && map.size === 0) index.delete(name);
    return;
  }
  if (map === undefined) index.set(name, (map = new Map()));
  map.set(key, value);
}

const NOTHING: ReadonlyMap<string, unknown> = new Map();

/** Values are plain JSON with a fixed order of fields, so their text is their content. */
export function sameValue(a: unknown, b: unknown): boolean {
  return a === b || (a !== undefined && b !== undefined && JSON.stringify(a) === JSON.stringify(b));
}
