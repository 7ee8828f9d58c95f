/** Shorter lists are read again faster than they are found. */
const LEAST_BYTES = 4_096;
/** A client has that many types with long lists of names: routes, endpoints, and two to spare. */
const MOST_LISTS = 4;

/** Of all streams: clients of one kind often have the same list. */
const MOST_RECENT = 8;

interface NameList {
  readonly bytes: Buffer;
  readonly names: readonly string[];
}

const recentLists: WeakRef<NameList>[] = [];

/**
 * The lists of names in the requests of one state-of-the-world stream, as bytes. Every ACK repeats its list: 20,000 names
 * are 1 MB, which take 5 ms to decode and 0.1 ms to compare.
 */
export class NameMemory {
  readonly #lists: NameList[] = [];

  /** The list that these bytes begin with at `at`, if it was remembered. */
  find(bytes: Uint8Array, at: number): NameList | undefined {
    if (bytes.length - at < LEAST_BYTES) return undefined;
    const rest = Buffer.from(bytes.buffer, bytes.byteOffset + at, bytes.length - at);
    const begins = ({ bytes: list }: NameList): boolean =>
      rest.length >= list.length && list.equals(rest.subarray(0, list.length));
    const own = this.#lists.find(begins);
    if (own !== undefined) return own;
    for (const recent of recentLists) {
      const list = recent.deref();
      // Another client's list may be just the beginning of this one.
      if (list === undefined || !begins(list) || rest[list.bytes.length] === list.bytes[0]) continue;
      this.#keep(list);
      return list;
    }
    return undefined;
  }

  /** @param bytes a copy is kept */
  remember(bytes: Uint8Array, names: readonly string[]): void {
    if (bytes.length < LEAST_BYTES) return;
    const list = { bytes: Buffer.from(bytes), names };
    recentLists.unshift(new WeakRef(list));
    if (recentLists.length > MOST_RECENT) recentLists.pop();
    this.#keep(list);
  }

  #keep(list: NameList): void {
    this.#lists.unshift(list);
    if (this.#lists.length > MOST_LISTS) this.#lists.pop();
  }
}
