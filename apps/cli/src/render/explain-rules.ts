import type { ExplainedDestinationRule, ExplainedRules, ExplainedVirtualService } from '@isthmus/contract';
import type { Branch } from './tree.ts';

/** Istio's rules that concern a host; their problems are told with all others. */
export function rulesBranch(rules: ExplainedRules | undefined): readonly Branch[] {
  if (rules === undefined) return [];
  const children = [
    ...rules.virtualServices.map((rule) => ({ text: virtualServiceText(rule) })),
    ...rules.destinationRules.map((rule) => ({ text: destinationRuleText(rule) })),
    ...rules.hiddenBy.map(({ name, place, selector }) => ({
      text: `Sidecar ${name} (${place}) hides it from its workloads${labels(selector)}, unless a rule sends them there`,
    })),
  ];
  return children.length === 0 ? [] : [{ text: 'rules', children }];
}

function virtualServiceText({ name, place, namesHost, sendsTo, gateways, delegates }: ExplainedVirtualService): string {
  const does = [namesHost ? 'names it' : '', sendsTo ? 'sends to it' : ''].filter((text) => text !== '').join(' and ');
  const at = gateways.join() === 'mesh' ? '' : `, at ${gateways.join(', ')}`;
  const parts = delegates.length === 0 ? '' : `, with routes of ${delegates.join(', ')}`;
  return `VirtualService ${name} (${place}) ${does}${at}${parts}`;
}

function destinationRuleText({ name, place, callers, selector, subsets }: ExplainedDestinationRule): string {
  const who = callers.includes('*') ? 'all callers without a rule of their own' : `callers in ${callers.join(', ')}`;
  const parts = subsets.length === 0 ? '' : `; subsets ${subsets.join(', ')}`;
  return `DestinationRule ${name} (${place}) for ${who}${labels(selector)}${parts}`;
}

function labels(selector: Readonly<Record<string, string>> | undefined): string {
  const pairs = Object.entries(selector ?? {}).map(([name, value]) => `${name}=${value}`);
  return pairs.length === 0 ? '' : ` with ${pairs.join(', ')}`;
}
