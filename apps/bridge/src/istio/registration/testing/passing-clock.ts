/** Steady, ms; what is due runs when it passes. */
export class PassingClock {
  #now = 0;
  readonly #due = new Map<object, { readonly at: number; readonly run: () => void }>();
  readonly now = () => this.#now;
  readonly after = (ms: number, run: () => void) => {
    const id = {};
    this.#due.set(id, { at: this.#now + ms, run });
    return () => void this.#due.delete(id);
  };

  pass(ms: number): void {
    this.#now += ms;
    for (const [id, { at, run }] of this.#due) {
      if (at > this.#now) continue;
      this.#due.delete(id);
      run();
    }
  }
}
