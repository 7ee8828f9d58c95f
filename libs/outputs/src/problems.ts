import type { Diagnostic } from '@isthmus/model';

/** A wrong right or a full disk concerns every object alike: it is said of the first ones, and how many more there are. */
const MOST = 50;

/** What is wrong with what an output writes, by whatever it names things; the last word on a thing counts. */
export class Problems {
  readonly #byName = new Map<string, Diagnostic>();

  set(name: string, problem: Diagnostic | undefined): void {
    if (problem === undefined) this.#byName.delete(name);
    else this.#byName.set(name, problem);
  }

  list(): readonly Diagnostic[] {
    const first = [...this.#byName.values().take(MOST)];
    const rest = this.#byName.size - first.length;
    const last = first.at(-1);
    if (rest > 0 && last !== undefined)
      first.push({ ...last, what: `${rest} more could not be written, among them: ${last.what}` });
    return first;
  }
}
