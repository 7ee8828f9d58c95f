import { istioKey } from '@isthmus/policy';
import type { IstioConfigStore } from '@isthmus/policy';
import { entryName } from './claim.ts';
import type { Claim } from './claim.ts';
import type { Connection, Registration } from './registration.ts';

/** A workload that a proxy has registered. */
export interface RegisteredWorkload {
  /** Of its WorkloadEntry. */
  readonly name: string;
  readonly claim: Claim;
  /** `unwell`: its agent says so, or has said nothing yet. `away`: it is not connected, and goes when its grace is over. */
  readonly state: 'in' | 'unwell' | 'away' | 'refused';
  /** Why it is refused. */
  readonly problem: string | undefined;
  /** Its connections. */
  readonly connections: readonly Connection[];
}

/** By namespace and name. */
export function registeredWorkloads(
  all: Iterable<Registration>,
  store: IstioConfigStore,
  isAlone: boolean,
): readonly RegisteredWorkload[] {
  const keyed = Array.from(all, (one) => {
    const { claim, connections } = one;
    const name = entryName(claim);
    const workload: RegisteredWorkload = { name, claim, ...stateOf(one, store, isAlone), connections: [...connections.keys()] };
    return [`${claim.namespace}/${name}`, workload] as const;
  });
  return keyed.sort(([a], [b]) => (a < b ? -1 : 1)).map(([, workload]) => workload);
}

/** How many there are of each state. */
export function countsOf(
  all: Iterable<Registration>,
  store: IstioConfigStore,
  isAlone: boolean,
): ReadonlyMap<RegisteredWorkload['state'], number> {
  const counts = new Map<RegisteredWorkload['state'], number>();
  for (const one of all) {
    const { state } = stateOf(one, store, isAlone);
    counts.set(state, (counts.get(state) ?? 0) + 1);
  }
  return counts;
}

/** @param isAlone there is no other replica to which it may be connected */
function stateOf(one: Registration, store: IstioConfigStore, isAlone: boolean): Pick<RegisteredWorkload, 'state' | 'problem'> {
  const { well, connections } = one;
  const problem = one.problem?.what ?? (well ? outranked(one, store) : undefined);
  if (problem !== undefined) return { state: 'refused', problem };
  return { state: !well ? 'unwell' : connections.size === 0 && isAlone ? 'away' : 'in', problem };
}

/** What is in force in place of its entry: one that is written, or of another proxy that says the same of itself. */
function outranked({ claim: { namespace }, made }: Registration, store: IstioConfigStore): string | undefined {
  if (made === undefined || 'problem' in made.result) return undefined;
  const { name, version } = made.result.entry;
  const inForce = store.get(istioKey({ kind: 'WorkloadEntry', namespace, name }));
  return inForce === undefined || inForce.version === version
    ? undefined
    : `the WorkloadEntry of that name that is in force is another one's, ${inForce.place}`;
}
