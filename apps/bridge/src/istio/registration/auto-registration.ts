import type { Diagnostic, Ledger } from '@isthmus/model';
import { istioKey } from '@isthmus/policy';
import type { IstioConfigStore, IstioFile } from '@isthmus/policy';
import type { IstioObject } from '@isthmus/proto/istio';
import type { NodeInfo, NodeSession, Peer, Timers } from '@isthmus/xds';
import type { ProxyDefaults } from '../../mesh/proxy-of.ts';
import { claimOf, entryName } from './claim.ts';
import type { Claim } from './claim.ts';
import { registeredEntry } from './registered-entry.ts';
import type { Made } from './registered-entry.ts';
import { full, missing, notShared, unregistered } from './refusals.ts';

/** Workloads at a time; more are not registered. */
const MOST_WORKLOADS = 10_000;
/** Refused ones that would be workloads if their group came or changed; more have to connect again after that. */
const MOST_WAITING = 1_000;
/** How long one that was known before a restart may take to come back, ms: an Envoy rests for up to 30 s between two attempts. */
const RETURN_MS = 60_000;
/** Refused ones that are listed; all are counted. */
const MOST_LISTED = 100;

export interface RegistrationOptions {
  readonly store: IstioConfigStore;
  readonly ledger: Ledger;
  readonly timers: Timers;
  readonly defaults: ProxyDefaults;
  /** How long a workload stays without a connection, ms; may change. */
  readonly graceMs: () => number;
  readonly most?: number;
  readonly mostWaiting?: number;
  /** There are other replicas, which do not hear of what is registered here. */
  readonly hasReplicas?: boolean;
}

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

/** Of several that say the same node id each may claim something else. */
export interface Connection {
  readonly node: string;
  /** Of the client. */
  readonly address: string;
}

/** In the ledger, by `keyOf`. */
interface Row {
  readonly claim: Claim;
  readonly well: boolean;
}

interface Registration extends Row {
  claim: Claim;
  well: boolean;
  readonly connections: Set<Connection>;
  problem: Diagnostic | undefined;
  /** What was made of the claim by this group: nothing else would be made of them. */
  made: { readonly claim: Claim; readonly group: IstioObject; readonly result: Made } | undefined;
  /** Calls off that it goes. */
  stay: () => void;
}

/**
 * Proxies that name a WorkloadGroup (`AUTO_REGISTER_GROUP`) are workloads while they are connected, and for a grace after: a
 * WorkloadEntry is made of each, and stands in the store beside those that are written. What is known lives in the ledger, so that a
 * restart of the bridge is like a pause of all connections. A proxy that cannot be registered is served all the same: it calls
 * others, and nobody calls it.
 */
export class AutoRegistration {
  readonly #options: RegistrationOptions;
  readonly #registered = new Map<string, Registration>();
  /** Those of them that are refused. Before the rules are read none is. */
  readonly #waiting = new Set<string>();
  /** Of streams whose node cannot be registered at all. */
  readonly #refused = new Map<object, Diagnostic>();
  #refusals = 0;
  #knowsRules = false;
  #isClosed = false;

  constructor(options: RegistrationOptions) {
    this.#options = options;
    for (const [key, value] of options.ledger.entries('registered')) {
      const { claim, well } = value as Row;
      const known = newRegistration(claim, well);
      this.#registered.set(key, known);
      this.#expire(key, known, Math.max(RETURN_MS, options.graceMs()));
    }
    options.store.onChange((changes) => {
      const groups = changes.map(({ before, after }) => after ?? before).filter((object) => object?.kind === 'WorkloadGroup');
      if (groups.length === 0) return;
      const changed = new Set(groups.map((group) => `${group?.namespace}/${group?.name}`));
      const some = [...this.#registered].filter(([, { claim }]) => changed.has(`${claim.namespace}/${claim.group}`));
      this.#publish(some.map(([key]) => key));
    });
  }

  /** Groups that are not there now are missing. */
  rulesWereRead(): void {
    this.#knowsRules = true;
    this.#publish([...this.#registered.keys()]);
  }

  /** A node was let in. @returns undefined: it asks for no registration */
  readonly opened = (node: NodeInfo, peer: Peer): NodeSession | undefined => {
    const claim = claimOf(node, peer, this.#options.defaults);
    if (claim === undefined) return undefined;
    if ('refused' in claim) return this.#refuse(node.id, claim.refused, claim.remedy);
    const key = keyOf(claim);
    let known = this.#registered.get(key);
    if (known === undefined) {
      const { most = MOST_WORKLOADS, mostWaiting = MOST_WAITING } = this.#options;
      if (this.#accepted >= most) return this.#refuse(node.id, ...full(most));
      known = newRegistration(claim, !claim.probed);
      this.#registered.set(key, known);
      this.#judge(key, known);
      if (known.problem !== undefined && this.#waiting.size > mostWaiting) return this.#leaveOut(key, known.problem);
      this.#publish([key]);
    } else if (JSON.stringify(known.claim) !== JSON.stringify(claim)) {
      // Who comes last is the workload as it is now. What was reported of it counts until it is reported anew.
      known.well = claim.probed ? known.well && known.claim.probed : true;
      known.claim = claim;
      this.#publish([key]);
    }
    known.stay();
    return this.#session(key, known, { node: node.id, address: peer.address });
  };

  /** All that are registered, or would be if nothing were wrong; by namespace and name. */
  workloads(): readonly RegisteredWorkload[] {
    const all = [...this.#registered.values()].map((one) => {
      const { claim, well, connections } = one;
      const problem = one.problem?.what ?? (well ? this.#outranked(one) : undefined);
      return {
        ...{ name: entryName(claim), claim, problem, connections: [...connections] },
        state: problem !== undefined ? 'refused' : !well ? 'unwell' : connections.size === 0 ? 'away' : 'in',
      };
    });
    return all.sort((a, b) =>
      `${a.claim.namespace}/${a.name}` < `${b.claim.namespace}/${b.name}` ? -1 : 1,
    ) as RegisteredWorkload[];
  }

  /** Registrations that came to nothing, since the start. */
  get refusals(): number {
    return this.#refusals;
  }

  diagnostics(): readonly Diagnostic[] {
    const ofEntries = [...this.#registered.values()].flatMap(({ problem }) => problem ?? []);
    const told = [...ofEntries, ...this.#refused.values()].sort((a, b) => (a.where < b.where ? -1 : 1)).slice(0, MOST_LISTED);
    const here = this.#registered.size - ofEntries.length;
    return this.#options.hasReplicas === true && here > 0 ? [notShared(here), ...told] : told;
  }

  /** Connections end with the bridge: nobody goes for it. */
  close(): void {
    this.#isClosed = true;
    for (const { stay } of this.#registered.values()) stay();
  }

  get #accepted(): number {
    return this.#registered.size - this.#waiting.size;
  }

  #session(key: string, one: Registration, connection: Connection): NodeSession {
    one.connections.add(connection);
    return {
      health: (problem) => {
        const well = problem === undefined;
        if (!one.claim.probed || one.well === well) return;
        one.well = well;
        this.#publish([key]);
      },
      close: () => {
        one.connections.delete(connection);
        if (one.connections.size > 0 || this.#isClosed) return;
        // Nobody calls what is refused, so that nothing has to wait for its return.
        if (this.#waiting.has(key)) this.#forget(key);
        else this.#expire(key, one, this.#options.graceMs());
      },
    };
  }

  #expire(key: string, one: Registration, ms: number): void {
    one.stay = this.#options.timers.after(ms, () => this.#forget(key));
  }

  #forget(key: string): void {
    this.#registered.delete(key);
    this.#waiting.delete(key);
    this.#options.ledger.delete('registered', key);
    this.#publish([key]);
  }

  /** Puts into store and ledger what follows from them; taking the same again does nothing. Of many as one change, in slices. */
  #publish(keys: readonly string[]): void {
    void this.#options.store.setEach(keys.map(placeOf), (place) => {
      const key = place.slice(PLACE.length);
      const one = this.#registered.get(key);
      return one === undefined ? undefined : this.#fileOf(key, one);
    });
  }

  #fileOf(key: string, one: Registration): IstioFile | undefined {
    const { ledger } = this.#options;
    const entry = this.#judge(key, one);
    if (entry === undefined) return undefined;
    const row: Row = { claim: one.claim, well: one.well };
    if (JSON.stringify(ledger.get('registered', key)) !== JSON.stringify(row)) ledger.put('registered', key, row);
    return one.well ? { objects: [entry], problems: [], refused: [], readable: true } : undefined;
  }

  /** Whether it is refused. @returns its entry, if it is not and its group is known */
  #judge(key: string, one: Registration): IstioObject<'WorkloadEntry'> | undefined {
    const { store, most = MOST_WORKLOADS } = this.#options;
    const { claim } = one;
    const group = store.get(istioKey({ kind: 'WorkloadGroup', namespace: claim.namespace, name: claim.group }));
    if (group === undefined && !this.#knowsRules) return undefined;
    const result = group === undefined ? missing(claim) : madeOf(one, group as IstioObject<'WorkloadGroup'>);
    if ('problem' in result) this.#wait(key, one, result.problem, result.remedy);
    else if (this.#waiting.has(key) && this.#accepted >= most) this.#wait(key, one, ...full(most));
    else {
      one.problem = undefined;
      this.#waiting.delete(key);
      return result.entry;
    }
    return undefined;
  }

  #wait(key: string, one: Registration, what: string, remedy: string): void {
    if (one.problem === undefined) this.#refusals += 1;
    one.problem = unregistered(one.claim.node, what, remedy);
    this.#waiting.add(key);
  }

  /** What is in force in place of its entry: one that is written, or of another proxy that says the same of itself. */
  #outranked({ claim: { namespace }, made }: Registration): string | undefined {
    if (made === undefined || 'problem' in made.result) return undefined;
    const { name, version } = made.result.entry;
    const inForce = this.#options.store.get(istioKey({ kind: 'WorkloadEntry', namespace, name }));
    return inForce === undefined || inForce.version === version
      ? undefined
      : `the WorkloadEntry of that name that is in force is another one's, ${inForce.place}`;
  }

  #refuse(node: string, why: string, remedy: string): NodeSession {
    this.#refusals += 1;
    return this.#tell(unregistered(node, why, remedy));
  }

  /** Counted already. */
  #leaveOut(key: string, problem: Diagnostic): NodeSession {
    this.#registered.delete(key);
    this.#waiting.delete(key);
    return this.#tell(problem);
  }

  #tell(problem: Diagnostic): NodeSession {
    const session: NodeSession = { health: () => undefined, close: () => void this.#refused.delete(session) };
    this.#refused.set(session, problem);
    return session;
  }
}

function newRegistration(claim: Claim, well: boolean): Registration {
  return { claim, well, connections: new Set(), problem: undefined, made: undefined, stay: () => undefined };
}

function madeOf(one: Registration, group: IstioObject<'WorkloadGroup'>): Made {
  if (one.made?.claim !== one.claim || one.made.group !== group)
    one.made = { claim: one.claim, group, result: registeredEntry(one.claim, group) };
  return one.made.result;
}

/** Also by who has proven to be it: whoever may not register as a workload takes nothing from the one who did. */
function keyOf(claim: Claim): string {
  const key = `${claim.namespace}/${entryName(claim)}`;
  return claim.accounts === undefined ? key : `${key} ${claim.accounts.join(' ')}`;
}

/** After all files, so that an entry that somebody has written is the one in force. */
const PLACE = '~proxy ';

function placeOf(key: string): string {
  return `${PLACE}${key}`;
}
