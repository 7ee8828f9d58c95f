/** Shorter lists are read again faster than they are found. */
const LEAST_BYTES = 4_096;
/** A client has that many types with long lists of names: routes, endpoints, and two to spare. */
const MOST_LISTS = 4;

interface NameList {
  readonly bytes: Buffer;
  readonly names: readonly string[];
}

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
    return this.#lists.find((list) => rest.length >= list.bytes.length && list.bytes.equals(rest.subarray(0, list.bytes.length)));
  }

  /** @param bytes a copy is kept */
  remember(bytes: Uint8Array, names: readonly string[]): void {
    if (bytes.length < LEAST_BYTES) return;
    this.#lists.unshift({ bytes: Buffer.from(bytes), names });
    if (this.#lists.length > MOST_LISTS) this.#lists.pop();
  }
}
