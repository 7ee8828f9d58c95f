/**
 * Work in steps that many wait for at the same time: a thousand clients that connect together ask for the same body before
 * the first of them has made it. Whoever has a turn does the next step, for all of them.
 */
export class SharedSteps<T> {
  readonly #steps: Generator<void, T>;
  #done: { readonly result: T } | undefined;

  constructor(steps: Generator<void, T>) {
    this.#steps = steps;
  }

  *run(): Generator<void, T> {
    for (;;) {
      if (this.#done !== undefined) return this.#done.result;
      const step = this.#steps.next();
      if (step.done === true) this.#done = { result: step.value };
      else yield;
    }
  }
}
