import type { LiftedPolicy } from '@isthmus/contract';
import type { BadRule } from '@isthmus/lift';
import type { Diagnostic } from '@isthmus/model';
import type { TextFormat } from './kept-place.ts';

const MOST_NAMED = 20;

/** The policies of one data id: those of the last text that could be read. */
export class KeptRules {
  readonly format: TextFormat;
  #policies: readonly LiftedPolicy[] | undefined;
  #bad: readonly BadRule[] = [];
  #broken: string | undefined;
  #readAt = 0;

  constructor(format: TextFormat) {
    this.format = format;
  }

  /** Undefined: none was ever read. */
  get policies(): readonly LiftedPolicy[] | undefined {
    return this.#policies;
  }

  /** When they were told, ms since the epoch. */
  get readAt(): number {
    return this.#readAt;
  }

  /** @param content undefined: there is no such config, so no rules @param at ms since the epoch */
  take(content = '', at = Date.now()): void {
    const read = this.format.read(content);
    this.#broken = read.ok ? undefined : read.what;
    if (!read.ok) return;
    this.#policies = read.policies;
    this.#bad = read.bad;
    this.#readAt = at;
  }

  *diagnostics(where: string, isTarget: (policy: LiftedPolicy) => boolean): Generator<Diagnostic> {
    const remedy = this.format.fix;
    if (this.#broken !== undefined) {
      const meaning =
        this.#policies === undefined ? 'nothing is known of it: plans stop before resilience' : 'the rules read before it stay';
      yield { code: 'policy.invalid', severity: 'error', where, what: this.#broken, meaning, remedy };
    }
    for (const { at, what } of this.#bad.slice(0, MOST_NAMED))
      yield {
        ...{ code: 'policy.invalid', severity: 'error', where: `${where}[${at}]`, remedy },
        what: `the rule ${what}`,
        meaning: 'it is left out, as Sentinel leaves it out; the others count',
      };
    if (this.#bad.length > MOST_NAMED)
      yield {
        ...{ code: 'policy.invalid', severity: 'error', where, remedy },
        what: `${this.#bad.length - MOST_NAMED} more rules cannot be used`,
        meaning: 'they are left out; the others count',
      };
    const homeless = [...new Set((this.#policies ?? []).filter((policy) => !isTarget(policy)).map(({ name }) => name))];
    if (homeless.length === 0) return;
    const more = homeless.length > MOST_NAMED ? ` and ${homeless.length - MOST_NAMED} more` : '';
    yield {
      ...{ code: 'policy.no-target', severity: 'info', where },
      what: `without a mesh host: ${homeless.slice(0, MOST_NAMED).join(', ')}${more}`,
      meaning: 'what it has for them is not lifted, and stops no plan',
      remedy: 'name the host of those that are calls, under `targets` of it in policies',
    };
  }
}
