import { entryName } from './claim.ts';
import type { Claim } from './claim.ts';

/** A registration in the ledger, by `keyOf`. */
export interface Row {
  readonly claim: Claim;
  readonly well: boolean;
}

/** Also by who has proven to be it: whoever may not register as a workload takes nothing from the one who did. */
export function keyOf(claim: Claim): string {
  const key = `${claim.namespace}/${entryName(claim)}`;
  return claim.accounts === undefined ? key : `${key} ${claim.accounts.join(' ')}`;
}

/** Both are made in one order of fields. */
export function isSame(a: unknown, b: unknown): boolean {
  return a === b || JSON.stringify(a) === JSON.stringify(b);
}

/** @param value as the ledger has it: a store may be damaged, or written by another version @returns undefined: it is no row of this key */
export function rowOf(key: string, value: unknown): Row | undefined {
  const { claim, well } = (typeof value === 'object' ? (value ?? {}) : {}) as Partial<Row>;
  if (typeof well !== 'boolean' || typeof claim !== 'object' || claim === null) return undefined;
  const { node, namespace, group, address, network, labels, locality, probed, accounts } = claim as Partial<Claim>;
  const texts = [node, namespace, group, address, network, locality];
  if (!texts.every(isText) || typeof probed !== 'boolean') return undefined;
  if (typeof labels !== 'object' || labels === null || !Object.values(labels).every(isText)) return undefined;
  if (accounts !== undefined && !(Array.isArray(accounts) && accounts.every(isText))) return undefined;
  return keyOf(claim) === key ? { claim, well } : undefined;
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}
