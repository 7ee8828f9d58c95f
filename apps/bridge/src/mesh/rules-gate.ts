/**
 * Closed while rules are being taken, in steps: between two of them some count and some do not, which no client may see. Who puts
 * something together in steps of its own asks for the revision before and after.
 */
export class RulesGate {
  #revision = 0;
  #closed: PromiseWithResolvers<void> | undefined;

  get isClosed(): boolean {
    return this.#closed !== undefined;
  }

  /** Another one whenever rules have begun to count or all of them do. */
  get revision(): number {
    return this.#revision;
  }

  /** Resolves when it is open; at once where it is. */
  get opened(): Promise<void> {
    return this.#closed?.promise ?? Promise.resolve();
  }

  /** @throws Error when it is closed already: rules are taken one flush after the other */
  close(): void {
    if (this.#closed !== undefined) throw new Error('rules are being taken already');
    this.#revision += 1;
    this.#closed = Promise.withResolvers();
  }

  open(): void {
    this.#revision += 1;
    this.#closed?.resolve();
    this.#closed = undefined;
  }
}
