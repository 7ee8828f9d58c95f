/**
 * The queue between a watch and its reader, bounded by the number of keys: a newer entry of a key takes the place of the one
 * that waits, because only the newest state counts. Entries without a key keep their place, and nothing moves across them.
 */
export class KeyedQueue<T> {
  #queue: T[] = [];
  #places = new Map<string, number>();
  #wake: (() => void) | undefined;

  get size(): number {
    return this.#queue.length;
  }

  push(entry: T, key?: string): void {
    const place = key === undefined ? undefined : this.#places.get(key);
    if (place !== undefined) this.#queue[place] = entry;
    else {
      if (key === undefined) this.#places.clear();
      else this.#places.set(key, this.#queue.length);
      this.#queue.push(entry);
    }
    this.#wake?.();
  }

  /** Like `push` without a key, in the place of the last entry that waits if that is out of date with this one. */
  pushOver(entry: T, isOutOfDate: (last: T) => boolean): void {
    const last = this.#queue.at(-1);
    if (last !== undefined && isOutOfDate(last)) this.#queue.pop();
    this.push(entry);
  }

  /** What waits is out of date as a whole. */
  clear(): void {
    this.#queue = [];
    this.#places.clear();
  }

  /** Ends when the signal aborts; what waits then is dropped. */
  async *read(signal: AbortSignal): AsyncGenerator<T> {
    const wake = () => this.#wake?.();
    signal.addEventListener('abort', wake);
    try {
      while (!signal.aborted) {
        if (this.#queue.length === 0) {
          await new Promise<void>((resolve) => (this.#wake = resolve));
          this.#wake = undefined;
          continue;
        }
        const batch = this.#queue;
        this.#queue = [];
        this.#places.clear();
        for (const entry of batch) {
          if (signal.aborted) return;
          yield entry;
        }
      }
    } finally {
      signal.removeEventListener('abort', wake);
    }
  }
}
