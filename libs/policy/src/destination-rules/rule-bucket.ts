import { compareRules, consolidate, visibility } from './consolidate.ts';
import type { ConsolidatedRule, Rule } from './consolidate.ts';

/**
 * Who a lookup is for. `local`: clients of the rules' own namespace; `exported`: clients of others; `private`: clients of
 * the root namespace, which take only what is private to it before they look at the service's namespace.
 */
export type Pool = 'local' | 'exported' | 'private';

/** The rules of one namespace for one host, joined when somebody asks. */
export class RuleBucket {
  readonly #namespace: string;
  readonly #rules = new Map<string, Rule>();
  #pools: Partial<Record<Pool, readonly ConsolidatedRule[]>> = {};
  /** What was given out last: equal content stays the same object, so that callers can cache by it. */
  #given = new Map<string, Rule>();

  constructor(namespace: string) {
    this.#namespace = namespace;
  }

  get size(): number {
    return this.#rules.size;
  }

  set(rule: Rule): void {
    this.#rules.set(rule.name, rule);
    this.#pools = {};
  }

  delete(name: string): void {
    this.#rules.delete(name);
    this.#pools = {};
  }

  pool(pool: Pool): readonly ConsolidatedRule[] {
    const known = this.#pools[pool];
    if (known !== undefined) return known;
    const members = [...this.#rules.values()].filter((rule) => this.#belongs(rule, pool)).sort(compareRules);
    const joined = consolidate(members).map(({ rule, exportTo }) => ({ rule: this.#same(rule, pool), exportTo }));
    return (this.#pools[pool] = joined);
  }

  #belongs(rule: Rule, pool: Pool): boolean {
    const exportTo = visibility(rule);
    const own = exportTo.has('.') || exportTo.has(this.#namespace);
    const isPrivate = exportTo.size === 1 && own;
    switch (pool) {
      case 'local':
        return exportTo.size === 0 || exportTo.has('*') || own;
      case 'exported':
        return !isPrivate;
      case 'private':
        return isPrivate;
      default:
        return pool satisfies never;
    }
  }

  #same(rule: Rule, pool: Pool): Rule {
    const key = `${pool} ${rule.name}`;
    const before = this.#given.get(key);
    if (before?.version === rule.version && before.place === rule.place) return before;
    this.#given.set(key, rule);
    return rule;
  }
}
