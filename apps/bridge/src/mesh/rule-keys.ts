import type { IstioObject } from '@isthmus/proto/istio';

type Rule = IstioObject<'VirtualService'>;

/** `namespace/name` */
export function ruleKey({ namespace, name }: Rule): string {
  return `${namespace}/${name}`;
}

/** By `ruleKey`; made once for a list, which is the same as long as nothing in it changed. */
export function rulesByKey(rules: readonly Rule[]): ReadonlyMap<string, Rule> {
  let byKey = remembered.get(rules);
  if (byKey === undefined) remembered.set(rules, (byKey = new Map(rules.map((rule) => [ruleKey(rule), rule]))));
  return byKey;
}

const remembered = new WeakMap<readonly Rule[], ReadonlyMap<string, Rule>>();
