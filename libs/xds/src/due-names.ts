/** `asked`: by the client, so it gets an answer in any case. `changed`: by us, since it was last sent. */
export type Due = 'asked' | 'changed';

const NONE: ReadonlySet<string> = new Set();

/**
 * What is due of a subscription, by name. All that a client asks for as it connects is one set, which it may share with the
 * other clients that ask for the same.
 */
export class DueNames {
  /** All of these are `asked`. */
  #asked = NONE;
  /** None of these is in `#asked`. */
  readonly #others = new Map<string, Due>();

  get size(): number {
    return this.#asked.size + this.#others.size;
  }

  /** The client waits for an answer about some of them. */
  get anyAsked(): boolean {
    if (this.#asked.size > 0) return true;
    for (const due of this.#others.values()) if (due === 'asked') return true;
    return false;
  }

  get(name: string): Due | undefined {
    return this.#asked.has(name) ? 'asked' : this.#others.get(name);
  }

  has(name: string): boolean {
    return this.#asked.has(name) || this.#others.has(name);
  }

  /** `changed` does not take back `asked`. */
  set(name: string, due: Due): void {
    if (this.#asked.has(name) || (due === 'changed' && this.#others.has(name))) return;
    this.#others.set(name, due);
  }

  /** @param names not changed by anybody afterwards */
  askAll(names: ReadonlySet<string>): void {
    if (this.size === 0) this.#asked = names;
    else for (const name of names) this.set(name, 'asked');
  }

  delete(name: string): void {
    if (this.#asked.has(name)) {
      for (const each of this.#asked) this.#others.set(each, 'asked');
      this.#asked = NONE;
    }
    this.#others.delete(name);
  }

  clear(): void {
    this.#asked = NONE;
    this.#others.clear();
  }

  *keys(): Generator<string> {
    yield* this.#asked;
    yield* this.#others.keys();
  }

  forEach(visit: (due: Due, name: string) => void): void {
    for (const name of this.#asked) visit('asked', name);
    this.#others.forEach(visit);
  }
}
