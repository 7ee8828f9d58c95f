import { visibilityIn } from '@isthmus/proto/istio';
import type { IstioObject } from '@isthmus/proto/istio';

const CLASSES = { own: 0, exported: 1, public: 2, none: 3 };
const DIGITS = 16;

/** Text that sorts as Istio's precedence: rules before services, those for this namespace first, then by age, name and namespace. */
export function ruleOrder(rule: IstioObject<'VirtualService'>, namespace: string, index: number): string {
  const seen = CLASSES[visibilityIn(namespace, rule)];
  const age = String(rule.createdAt).padStart(DIGITS, '0');
  return [`0${seen}${age}`, rule.name, rule.namespace, String(index).padStart(6, '0')].join('\0');
}

export function serviceOrder(host: string): string {
  return `1\0${host}`;
}
