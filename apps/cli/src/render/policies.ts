import type { PolicyView } from '@isthmus/contract';
import type { Column } from './table.ts';
import { ago, count } from './words.ts';

/** One row a policy. @param now milliseconds since the epoch */
export function policyColumns(now: number): readonly Column<PolicyView>[] {
  return [
    { head: 'HOST', cell: (p) => p.host ?? '*' },
    { head: 'POLICY', cell: titleOf },
    { head: 'DOES', cell: (p) => p.policy },
    { head: 'FROM', cell: (p) => p.source ?? (p.instances.length === 1 ? `${p.instances[0]}` : count(p.instances.length, 'process', 'processes')) }, // prettier-ignore
    { head: 'READ', cell: (p) => (p.readAt === undefined ? '' : `${ago(now, p.readAt)} ago`), optional: true },
    // Of this policy: what it is of is beside it.
    { head: 'LOST', cell: (p) => p.lost.map((field) => field.replace(` of ${titleOf(p)}`, '')).join(', '), optional: true },
  ];
}

const titleOf = ({ library, name }: PolicyView): string => `${library} ${name}`.trim();

/** @param name a host, what the application calls it, or a part of where a registry keeps it */
export function isPolicyNamed(policy: PolicyView, name: string): boolean {
  return [policy.host, policy.name, titleOf(policy)].includes(name) || policy.source?.includes(name) === true;
}
