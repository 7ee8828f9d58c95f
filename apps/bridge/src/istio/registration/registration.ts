import type { Diagnostic } from '@isthmus/model';
import type { IstioObject } from '@isthmus/proto/istio';
import type { Claim } from './claim.ts';
import { registeredEntry } from './registered-entry.ts';
import type { Made } from './registered-entry.ts';

/** Of several that say the same node id each may claim something else. */
export interface Connection {
  readonly node: string;
  /** Of the client. */
  readonly address: string;
}

/** A workload as this replica knows it. */
export interface Registration {
  claim: Claim;
  well: boolean;
  readonly connections: Set<Connection>;
  /** Why it is refused. */
  problem: Diagnostic | undefined;
  /** What was made of the claim by this group: nothing else would be made of them. */
  made: { readonly claim: Claim; readonly group: IstioObject<'WorkloadGroup'>; readonly result: Made } | undefined;
  /** Calls off that it goes. */
  stay: () => void;
}

export function newRegistration(claim: Claim, well: boolean): Registration {
  return { claim, well, connections: new Set(), problem: undefined, made: undefined, stay: () => undefined };
}

export function madeOf(one: Registration, group: IstioObject<'WorkloadGroup'>): Made {
  if (one.made?.claim !== one.claim || one.made.group !== group)
    one.made = { claim: one.claim, group, result: registeredEntry(one.claim, group) };
  return one.made.result;
}
