import type { Issue } from '../load/problem.ts';

/** A place in a spec while it is checked: knows its path, and collects what is wrong there. */
export class Spot {
  readonly #issues: Issue[];
  readonly #parent: Spot | undefined;
  readonly #part: string | number;

  private constructor(issues: Issue[], parent: Spot | undefined, part: string | number) {
    this.#issues = issues;
    this.#parent = parent;
    this.#part = part;
  }

  /** The spec itself. */
  static root(issues: Issue[]): Spot {
    return new Spot(issues, undefined, '');
  }

  at(...parts: readonly (string | number)[]): Spot {
    return parts.reduce<Spot>((spot, part) => new Spot(this.#issues, spot, part), this);
  }

  /** @param what without the field's name: `is 0`, `excludes redirect` */
  error(what: string, remedy: string): void {
    this.#issues.push({ severity: 'error', path: this.#path(), what, remedy });
  }

  warn(what: string, remedy: string): void {
    this.#issues.push({ severity: 'warning', path: this.#path(), what, remedy });
  }

  #path(): (string | number)[] {
    return this.#parent === undefined ? [] : [...this.#parent.#path(), this.#part];
  }
}
