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
