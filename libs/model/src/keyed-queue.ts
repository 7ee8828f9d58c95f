/**
 * The queue between a watch and its reader, bounded by the number of keys: a newer entry of a key takes the place of the one
 * that waits, because only the newest state counts. Entries without a key keep their place, and nothing moves across them.
 */
export class KeyedQueue<T> {
  readonly #isNews: (entry: T, hasReplaced: boolean) => boolean;
  #queue: { entry: T; hasReplaced: boolean }[] = [];
  #places = new Map<string, number>();
  #wake: (() => void) | undefined;

  /**
   * @param isNews Asked once for each entry when it is its turn, in order: false leaves it out. `hasReplaced` says that it stands
   *   where an older one of its key did, which the reader has not seen. Default: all are.
   */
  constructor(isNews: (entry: T, hasReplaced: boolean) => boolean = () => true) {
    this.#isNews = isNews;
  }

  get size(): number {
    return this.#queue.length;
  }

  push(entry: T, key?: string): void {
    const place = key === undefined ? undefined : this.#places.get(key);
    if (place !== undefined) this.#queue[place] = { entry, hasReplaced: true };
    else {
      if (key === undefined) this.#places.clear();
      else this.#places.set(key, this.#queue.length);
      this.#queue.push({ entry, hasReplaced: false });
    }
    this.#wake?.();
  }

  /** Like `push` without a key, in the place of the last entry that waits if that is out of date with this one. */
  pushOver(entry: T, isOutOfDate: (last: T) => boolean): void {
    const last = this.#queue.at(-1);
    if (last !== undefined && isOutOfDate(last.entry)) this.#queue.pop();
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
        for (const { entry, hasReplaced } of batch) {
          if (signal.aborted) return;
          if (this.#isNews(entry, hasReplaced)) yield entry;
        }
      }
    } finally {
      signal.removeEventListener('abort', wake);
    }
  }
}
