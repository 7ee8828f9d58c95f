/** Which workloads have one of the places that there are, and who is next: first come, first served. */
export class Places {
  readonly #most: number;
  readonly #taken = new Set<string>();
  readonly #queue = new Set<string>();

  constructor(most: number) {
    this.#most = most;
  }

  /** Workloads that have one. */
  get taken(): number {
    return this.#taken.size;
  }

  /** Who leads has given away more than were left here: those that it has not decided have to go. */
  get isOver(): boolean {
    return this.#taken.size > this.#most;
  }

  /**
   * Whether it has one, or gets one.
   *
   * @param isDecided whoever gives them to all replicas has given it one
   */
  take(key: string, isDecided = false): boolean {
    const has = this.#taken.has(key);
    if (isDecided || (has ? !this.isOver : this.#isNext(key))) {
      this.#queue.delete(key);
      this.#taken.add(key);
      return true;
    }
    this.#taken.delete(key);
    this.#queue.add(key);
    return false;
  }

  /** It needs none any more. */
  free(key: string): void {
    this.#taken.delete(key);
    this.#queue.delete(key);
  }

  /** Those that wait for the places that are free. */
  next(): readonly string[] {
    return [...this.#queue.values().take(this.#room)];
  }

  get #room(): number {
    return Math.max(0, this.#most - this.#taken.size);
  }

  #isNext(key: string): boolean {
    return this.#queue.has(key)
      ? this.#queue
          .values()
          .take(this.#room)
          .some((one) => one === key)
      : this.#queue.size < this.#room;
  }
}
