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

/** What one connection says, and last reported. */
export interface Said {
  readonly claim: Claim;
  readonly well: boolean;
}

/** A workload as this replica knows it. */
export interface Registration {
  claim: Claim;
  well: boolean;
  /** Of several (a proxy that moved, a connection that hangs) the last is the workload as it is. */
  readonly connections: Map<Connection, Said>;
  /** Why it is refused. */
  problem: Diagnostic | undefined;
  /** What was made of the claim by this group: nothing else would be made of them. */
  made: { readonly claim: Claim; readonly group: IstioObject<'WorkloadGroup'>; readonly result: Made } | undefined;
  /** Calls off that it goes. */
  stay: () => void;
}

export function newRegistration(claim: Claim, well: boolean): Registration {
  return { claim, well, connections: new Map(), problem: undefined, made: undefined, stay: () => undefined };
}

export function madeOf(one: Registration, group: IstioObject<'WorkloadGroup'>): Made {
  if (one.made?.claim !== one.claim || one.made.group !== group)
    one.made = { claim: one.claim, group, result: registeredEntry(one.claim, group) };
  return one.made.result;
}

/** @param isOlder it came before those that are there, and waited */
export function connect({ connections }: Registration, connection: Connection, said: Said, isOlder: boolean): void {
  const later = isOlder ? [...connections] : [];
  for (const [each] of later) connections.delete(each);
  connections.set(connection, said);
  for (const [each, theirs] of later) connections.set(each, theirs);
}

/** What its last connection says; undefined where it has none. */
export function lastSaid({ connections }: Registration): Said | undefined {
  return [...connections.values()].at(-1);
}
