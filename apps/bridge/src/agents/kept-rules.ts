import type { LiftedPolicy } from '@isthmus/contract';
import { readSentinelRules } from '@isthmus/lift';
import type { BadRule, SentinelKind } from '@isthmus/lift';
import type { Diagnostic } from '@isthmus/model';

const MOST_NAMED = 20;
const FIX = 'correct it in Nacos: a JSON list of rules, as the dashboard writes it';

/** The rules of one data id: those of the last text that could be read. */
export class KeptRules {
  readonly #kind: SentinelKind;
  #policies: readonly LiftedPolicy[] | undefined;
  #bad: readonly BadRule[] = [];
  #broken: string | undefined;
  #readAt = 0;

  constructor(kind: SentinelKind) {
    this.#kind = kind;
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
    const read = readSentinelRules(content, this.#kind);
    this.#broken = read.ok ? undefined : read.what;
    if (!read.ok) return;
    this.#policies = read.policies;
    this.#bad = read.bad;
    this.#readAt = at;
  }

  *diagnostics(where: string, isTarget: (resource: string) => boolean): Generator<Diagnostic> {
    if (this.#broken !== undefined) {
      const meaning =
        this.#policies === undefined ? 'nothing is known of it: plans stop before resilience' : 'the rules read before it stay';
      yield { code: 'policy.invalid', severity: 'error', where, what: this.#broken, meaning, remedy: FIX };
    }
    for (const { at, what } of this.#bad.slice(0, MOST_NAMED))
      yield {
        ...{ code: 'policy.invalid', severity: 'error', where: `${where}[${at}]`, remedy: FIX },
        what: `the rule ${what}`,
        meaning: 'it is left out, as Sentinel leaves it out; the others count',
      };
    if (this.#bad.length > MOST_NAMED)
      yield {
        ...{ code: 'policy.invalid', severity: 'error', where, remedy: FIX },
        what: `${this.#bad.length - MOST_NAMED} more rules cannot be used`,
        meaning: 'they are left out; the others count',
      };
    const homeless = [...new Set((this.#policies ?? []).map(({ name }) => name))].filter((name) => !isTarget(name));
    if (homeless.length === 0) return;
    const more = homeless.length > MOST_NAMED ? ` and ${homeless.length - MOST_NAMED} more` : '';
    yield {
      ...{ code: 'policy.no-target', severity: 'info', where },
      what: `resources without a mesh host: ${homeless.slice(0, MOST_NAMED).join(', ')}${more}`,
      meaning: 'their rules are not lifted, and stop no plan',
      remedy: 'name the host of those that are calls under policies.sentinel[].apps.*.targets',
    };
  }
}
