import { within } from '@isthmus/model';
import type { LedgerStore } from '@isthmus/model';
import { eachLimited } from './each-limited.ts';
import { decodeSegment, encodeSegment } from './segment.ts';
import type { SegmentName } from './segment.ts';

/** Calls to the store that are under way at once. */
const AT_ONCE = 8;
/** Blobs that no head names any more stay this long: another replica may be reading them. */
const GARBAGE_MS = 60_000;
const DEADLINE_MS = 10_000;

/** Segment → names of its blobs, in order. */
type Index = ReadonlyMap<string, readonly string[]>;

/** Blobs that are in the store, and what they would make of the content. */
export interface Written {
  /** Blobs of the new index; what the head names. */
  readonly content: readonly string[];
  readonly index: Index;
}

/**
 * The content of a shared ledger in the store: an index, which the head names, and the segments, which the index names.
 * Nothing is ever changed in place: a change writes new blobs, and what they replace is removed a minute later. So the head
 * stays at a few hundred bytes, which matters where every write of it is kept (Nacos's history of configs).
 */
export class StoredContent {
  readonly #store: LedgerStore;
  readonly #monotonic: () => number;
  readonly #stop = new AbortController();
  readonly #garbage: { readonly name: string; readonly at: number }[] = [];
  #content: readonly string[] = [];
  #index: Index = new Map();

  constructor(store: LedgerStore, monotonic: () => number) {
    this.#store = store;
    this.#monotonic = monotonic;
  }

  close(): void {
    this.#stop.abort();
  }

  /** Segments whose content differs from what was read or written last; empty ones are gone. `accept` makes it the last. */
  async read(
    content: readonly string[],
    signal: AbortSignal,
  ): Promise<{ readonly changed: ReadonlyMap<SegmentName, ReadonlyMap<string, unknown>>; readonly index: Index }> {
    if (content.join() === this.#content.join()) return { changed: new Map(), index: this.#index };
    const index = content.length === 0 ? new Map<string, readonly string[]>() : indexOf(await this.#decode(content, signal));
    const names = [...new Set([...index.keys(), ...this.#index.keys()])].filter(
      (name) => !same(index.get(name), this.#index.get(name)),
    );
    const changed = new Map<SegmentName, ReadonlyMap<string, unknown>>();
    await eachLimited(names, AT_ONCE, async (name) => {
      const blobs = index.get(name) ?? [];
      changed.set(name as SegmentName, blobs.length === 0 ? new Map() : await this.#decode(blobs, signal));
    });
    return { changed, index };
  }

  /** Writes segments and the index that names them, under names that begin with `write`. `isAll`: there is nothing else. */
  async write(write: string, segments: ReadonlyMap<SegmentName, ReadonlyMap<string, unknown>>, isAll: boolean): Promise<Written> {
    const index = new Map(isAll ? [] : this.#index);
    let count = 0;
    const blobs = async (content: ReadonlyMap<string, unknown>): Promise<readonly string[]> => {
      const names: string[] = [];
      for (const bytes of await encodeSegment(content, this.#store.mostBlobBytes)) {
        const name = `${write}-${(count += 1)}`;
        await this.#call((signal) => this.#store.writeBlob(name, bytes, signal));
        names.push(name);
      }
      return names;
    };
    await eachLimited([...segments], AT_ONCE, async ([name, content]) => {
      if (content.size === 0) index.delete(name);
      else index.set(name, await blobs(content));
    });
    return { content: index.size === 0 ? [] : await blobs(index), index };
  }

  /** The head names it now; what it replaced is removed later. */
  accept(content: readonly string[], index: Index, isOurs: boolean): void {
    if (isOurs) {
      const kept = new Set([...content, ...[...index.values()].flat()]);
      const at = this.#monotonic();
      for (const name of [...this.#content, ...[...this.#index.values()].flat()])
        if (!kept.has(name)) this.#garbage.push({ name, at });
    }
    this.#content = content;
    this.#index = index;
  }

  /** Removes what was replaced a while ago. What fails is found again by the next leader. */
  async sweep(): Promise<void> {
    const limit = this.#monotonic() - GARBAGE_MS;
    const young = this.#garbage.findIndex(({ at }) => at > limit);
    const names = this.#garbage.splice(0, young < 0 ? this.#garbage.length : young).map(({ name }) => name);
    await eachLimited(names, AT_ONCE, (name) => this.#call((signal) => this.#store.removeBlob(name, signal))).catch(
      () => undefined,
    );
  }

  /** Blobs of leaders that died in the middle of a write; those of this epoch may be of a write that is under way. */
  async findOrphans(epoch: number): Promise<void> {
    const names = await this.#call((signal) => this.#store.listBlobs(signal)).catch(() => undefined);
    const known = new Set([...this.#content, ...[...this.#index.values()].flat(), ...this.#garbage.map(({ name }) => name)]);
    const at = this.#monotonic();
    for (const name of names ?? []) if (!known.has(name) && !name.startsWith(`e${epoch}-`)) this.#garbage.push({ name, at });
  }

  async #decode(blobs: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, unknown>> {
    const parts = await Promise.all(blobs.map((blob) => this.#blob(blob, signal)));
    return decodeSegment(parts, this.#store.where);
  }

  async #blob(name: string, signal: AbortSignal): Promise<Uint8Array> {
    const bytes = await within(DEADLINE_MS, signal, (limited) => this.#store.readBlob(name, limited));
    // The leader has written newer ones and removed this one: read the head again.
    if (bytes === undefined) throw new Error(`${name} is not in ${this.#store.where} any more, or not yet`);
    return bytes;
  }

  #call<T>(call: (signal: AbortSignal) => Promise<T>): Promise<T> {
    return within(DEADLINE_MS, this.#stop.signal, call);
  }
}

function indexOf(entries: ReadonlyMap<string, unknown>): Index {
  return new Map([...entries].map(([name, blobs]) => [name, Array.isArray(blobs) ? blobs.map(String) : []]));
}

function same(a: readonly string[] | undefined, b: readonly string[] | undefined): boolean {
  return (a ?? []).join() === (b ?? []).join();
}
