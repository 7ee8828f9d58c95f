import type { ServiceRecord } from '@isthmus/model';
import { expandTemplate } from './host-rule.ts';
import { servicePattern } from './service-pattern.ts';

/** Where in the mesh services are. */
export interface NamespaceRule {
  readonly services: string;
  /** Kubernetes namespace of the ServiceEntries; placeholders as in hosts. Undefined: as without the rule. */
  readonly namespace?: string;
  /** Namespaces that may see them: `*`, `.`, names. */
  readonly exportTo?: readonly string[];
}

export interface Placement {
  readonly namespace: string;
  readonly exportTo: readonly string[] | undefined;
  /** Index of the rule under merge.namespaces. */
  readonly rule: number | undefined;
}

/** A rule wins over what a source declares, the first service of a host over the others. */
export function placements(rules: readonly NamespaceRule[], fallback: string): (members: readonly ServiceRecord[]) => Placement {
  const matchers = rules.map((rule) => servicePattern(rule.services));
  return (members) => {
    for (const { key, meshNamespace, exportTo } of members) {
      const index = matchers.findIndex((matches) => matches(key));
      const rule = rules[index];
      if (rule === undefined) continue;
      const named = rule.namespace === undefined ? undefined : namespaceName(expandTemplate(rule.namespace, key));
      return { namespace: named ?? meshNamespace ?? fallback, exportTo: rule.exportTo ?? exportTo, rule: index };
    }
    return {
      namespace: members.find((record) => record.meshNamespace !== undefined)?.meshNamespace ?? fallback,
      exportTo: members.find((record) => record.exportTo !== undefined)?.exportTo,
      rule: undefined,
    };
  };
}

/** A DNS label; undefined when nothing is left. */
function namespaceName(text: string): string | undefined {
  const name = text
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, 63)
    .replace(/^-+|-+$/g, '');
  return name === '' ? undefined : name;
}
