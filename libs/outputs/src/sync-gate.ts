/**
 * When leftovers of an earlier run may go: when every source has been read completely, and everything that was touched until
 * then has been asked what it is.
 */
export class SyncGate<T> {
  readonly #unseen = new Set<T>();
  #awaited: Set<T> | undefined;

  touched(item: T): void {
    this.#unseen.add(item);
  }

  /** What it is is known now. */
  seen(item: T): void {
    this.#unseen.delete(item);
    this.#awaited?.delete(item);
  }

  /** @returns whether that is new */
  set(isComplete: boolean): boolean {
    if (isComplete === (this.#awaited !== undefined)) return false;
    this.#awaited = isComplete ? new Set(this.#unseen) : undefined;
    return true;
  }

  /** Others may have written meanwhile: what was touched until now is to be asked again before leftovers go. */
  renew(): boolean {
    if (this.#awaited === undefined) return false;
    this.#awaited = new Set(this.#unseen);
    return true;
  }

  get state(): 'closed' | 'waiting' | 'open' {
    if (this.#awaited === undefined) return 'closed';
    return this.#awaited.size > 0 ? 'waiting' : 'open';
  }
}
