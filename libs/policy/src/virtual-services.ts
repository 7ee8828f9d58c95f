import { visibilityIn } from '@isthmus/proto/istio';
import type { Diagnostic } from '@isthmus/model';
import type { IstioObject } from '@isthmus/proto/istio';
import { compareAge } from './age.ts';
import type { ObjectChange } from './scope/proxy-scopes.ts';
import { mergeDelegates } from './virtual-services/merge-delegates.ts';
import { resolveNames } from './virtual-services/resolve-names.ts';
import type { MergedRule } from './virtual-services/merge-delegates.ts';

type Rule = IstioObject<'VirtualService'>;
type Change = ObjectChange<'VirtualService'>;

const MESH: readonly string[] = ['mesh'];

interface Bound {
  /** In Istio's order of precedence. */
  rules: readonly Rule[];
  /** What namespaces see of them, made when asked for. */
  readonly seen: Map<string, readonly Rule[]>;
}

/**
 * All VirtualServices, names resolved and delegates merged, by the gateway they are bound to. A change costs the rule itself and, for
 * a delegate, the roots that name it; the list of a namespace that sees nothing of it stays the same array.
 */
export class VirtualServices {
  readonly #domain: string;
  /** By `namespace/name`, delegates too, names resolved. */
  readonly #resolved = new Map<string, Rule>();
  readonly #merged = new Map<string, MergedRule>();
  /** Delegate -> roots that name it, whether it is there or not. */
  readonly #roots = new Map<string, Set<string>>();
  readonly #bound = new Map<string, Bound>();

  /** @param domain `cluster.local`: what short hosts end in */
  constructor(domain: string) {
    this.#domain = domain;
  }

  /** Takes a new or changed rule. Returns what became of the merged ones: the rule itself, or the roots of a delegate. */
  set(rule: Rule): readonly Change[] {
    const key = keyOf(rule);
    const before = this.#resolved.get(key);
    if (before?.version === rule.version && before.createdAt === rule.createdAt) return [];
    this.#resolved.set(key, resolveNames(rule, this.#domain));
    return this.#settle(key);
  }

  delete(namespace: string, name: string): readonly Change[] {
    const key = `${namespace}/${name}`;
    return this.#resolved.delete(key) ? this.#settle(key) : [];
  }

  /** Bound to the gateway (`mesh` or `namespace/name`) and visible to the namespace, in order; the same array until one of them changes. */
  virtualServices(namespace: string, gateway: string): readonly Rule[] {
    const bound = this.#bound.get(gateway);
    if (bound === undefined) return NONE;
    const known = bound.seen.get(namespace);
    if (known !== undefined) return known;
    const classes = { own: [] as Rule[], exported: [] as Rule[], public: [] as Rule[], none: [] as Rule[] };
    for (const rule of bound.rules) classes[visibilityIn(namespace, rule)].push(rule);
    const seen = [...classes.own, ...classes.exported, ...classes.public];
    bound.seen.set(namespace, seen);
    return seen;
  }

  /** Of one merged rule; undefined: there is none, or it is a delegate. */
  merged(namespace: string, name: string): Rule | undefined {
    return this.#merged.get(`${namespace}/${name}`)?.rule;
  }

  /** Of merged rules. */
  get size(): number {
    return this.#merged.size;
  }

  /** All merged rules, in no order. */
  all(): Iterable<MergedRule> {
    return this.#merged.values();
  }

  *diagnostics(): Iterable<Diagnostic> {
    for (const { diagnostics } of this.#merged.values()) yield* diagnostics;
  }

  #settle(key: string): readonly Change[] {
    const roots = [...(this.#roots.get(key) ?? [])].filter((root) => root !== key).sort();
    return [key, ...roots].flatMap((each) => this.#merge(each));
  }

  #merge(key: string): readonly Change[] {
    const before = this.#merged.get(key);
    const root = this.#resolved.get(key);
    const after = root && root.spec.hosts.length > 0 ? mergeDelegates(root, (name) => this.#resolved.get(name)) : undefined;
    for (const delegate of before?.delegates ?? []) this.#roots.get(delegate)?.delete(key);
    for (const delegate of before?.delegates ?? []) if (this.#roots.get(delegate)?.size === 0) this.#roots.delete(delegate);
    for (const delegate of after?.delegates ?? []) {
      this.#roots.set(delegate, (this.#roots.get(delegate) ?? new Set()).add(key));
    }
    if (after === undefined) this.#merged.delete(key);
    else this.#merged.set(key, after);
    if (before === undefined && after === undefined) return [];
    this.#bind(before?.rule, after?.rule);
    return [{ before: before?.rule, after: after?.rule }];
  }

  #bind(before: Rule | undefined, after: Rule | undefined): void {
    for (const gateway of new Set([...gatewaysOf(before), ...gatewaysOf(after)])) {
      const bound = this.#bound.get(gateway) ?? { rules: [], seen: new Map<string, readonly Rule[]>() };
      this.#bound.set(gateway, bound);
      const rules = before === undefined ? [...bound.rules] : bound.rules.filter((rule) => rule !== before);
      if (after !== undefined && gatewaysOf(after).includes(gateway)) rules.splice(position(rules, after), 0, after);
      bound.rules = rules;
      if (rules.length === 0) this.#bound.delete(gateway);
      for (const namespace of bound.seen.keys()) {
        const sees = (rule: Rule | undefined): boolean => rule !== undefined && visibilityIn(namespace, rule) !== 'none';
        if (sees(before) || sees(after)) bound.seen.delete(namespace);
      }
    }
  }
}

const NONE: readonly Rule[] = [];

function gatewaysOf(rule: Rule | undefined): readonly string[] {
  if (rule === undefined) return NO_GATEWAYS;
  return rule.spec.gateways.length === 0 ? MESH : rule.spec.gateways;
}

const NO_GATEWAYS: readonly string[] = [];

/** Where it belongs in the sorted list. */
function position(rules: readonly Rule[], rule: Rule): number {
  let low = 0;
  let high = rules.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const other = rules[middle];
    if (other !== undefined && compareAge(other, rule) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

function keyOf({ namespace, name }: Rule): string {
  return `${namespace}/${name}`;
}
