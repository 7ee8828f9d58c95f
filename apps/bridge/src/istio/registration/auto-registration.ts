import type { Diagnostic, Ledger } from '@isthmus/model';
import { istioKey } from '@isthmus/policy';
import type { IstioConfigStore, IstioFile } from '@isthmus/policy';
import type { IstioObject } from '@isthmus/proto/istio';
import type { NodeInfo, NodeSession, Peer, Timers } from '@isthmus/xds';
import type { ProxyDefaults } from '../../mesh/proxy-of.ts';
import { claimOf, entryName } from './claim.ts';
import type { Claim } from './claim.ts';
import { registeredEntry } from './registered-entry.ts';
import { full, missing, unregistered } from './refusals.ts';
import { madeOf, newRegistration } from './registration.ts';
import type { Connection, Registration } from './registration.ts';
import { isSame, keyOf } from './row.ts';
import type { Row } from './row.ts';
import type { SharedRegistrations } from './shared-registrations.ts';

/** Workloads at a time; more are not registered. */
export const MOST_WORKLOADS = 10_000;
/** Refused ones that would be workloads if their group came or changed; more have to connect again after that. */
const MOST_WAITING = 1_000;
/** How long one that was known before a restart may take to come back, ms: an Envoy rests for up to 30 s between two attempts. */
export const RETURN_MS = 60_000;
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
  /** There are other replicas: what counts is what their ledger says, and who leads writes it. */
  readonly shared?: SharedRegistrations;
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
      if (options.shared === undefined) this.#expire(key, known, Math.max(RETURN_MS, options.graceMs()));
    }
    options.shared?.start((keys) => this.#follow(keys));
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
    const connection = { node: node.id, address: peer.address };
    let known = this.#registered.get(key);
    if (known === undefined) {
      const { most = MOST_WORKLOADS, mostWaiting = MOST_WAITING } = this.#options;
      if (this.#accepted >= most) return this.#refuse(node.id, ...full(most));
      known = newRegistration(claim, !claim.probed);
      this.#registered.set(key, known);
      this.#judge(key, known);
      if (known.problem !== undefined && this.#waiting.size > mostWaiting) return this.#leaveOut(key, known.problem);
    } else if (!isSame(known.claim, claim)) {
      // Who comes last is the workload as it is now. What was reported of it counts until it is reported anew.
      known.well = claim.probed ? known.well && known.claim.probed : true;
      known.claim = claim;
    }
    known.stay();
    known.connections.add(connection);
    this.#publish([key]);
    return this.#session(key, known, connection);
  };

  /** All that are registered, or would be if nothing were wrong; by namespace and name. */
  workloads(): readonly RegisteredWorkload[] {
    const isAlone = this.#options.shared === undefined; // else it may be connected elsewhere
    const all = [...this.#registered.values()].map((one) => {
      const { claim, well, connections } = one;
      const problem = one.problem?.what ?? (well ? this.#outranked(one) : undefined);
      return {
        ...{ name: entryName(claim), claim, problem, connections: [...connections] },
        state: problem !== undefined ? 'refused' : !well ? 'unwell' : connections.size === 0 && isAlone ? 'away' : 'in',
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
    return [...(this.#options.shared?.diagnostics() ?? []), ...told];
  }

  /** Connections end with the bridge: nobody goes for it. */
  close(): void {
    this.#isClosed = true;
    this.#options.shared?.close();
    for (const { stay } of this.#registered.values()) stay();
  }

  get #accepted(): number {
    return this.#registered.size - this.#waiting.size;
  }

  #session(key: string, one: Registration, connection: Connection): NodeSession {
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
        const { shared } = this.#options;
        shared?.withdraw(key);
        // Nobody calls what is refused, so that nothing has to wait for its return.
        if (shared !== undefined) this.#follow([key]);
        else if (this.#waiting.has(key)) this.#forget(key);
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
    if (this.#options.shared === undefined) this.#options.ledger.delete('registered', key);
    this.#publish([key]);
  }

  /** What the ledger of the replicas says of them, or no longer. */
  #follow(keys: readonly string[]): void {
    for (const key of keys) {
      const row = this.#options.shared?.row(key);
      const known = this.#registered.get(key);
      if (known !== undefined && known.connections.size > 0) continue;
      if (row === undefined) {
        this.#registered.delete(key);
        this.#waiting.delete(key);
      } else if (known === undefined) this.#registered.set(key, newRegistration(row.claim, row.well));
      else Object.assign(known, row);
    }
    this.#publish(keys);
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
    const { ledger, shared } = this.#options;
    const entry = this.#judge(key, one);
    const row: Row = { claim: one.claim, well: one.well };
    if (shared !== undefined && one.connections.size > 0) {
      if (entry !== undefined) shared.offer(key, row);
      else if (one.problem !== undefined) shared.withdraw(key);
    }
    if (entry === undefined) return undefined;
    if (shared !== undefined) return this.#fileOfRow(shared.row(key), one, entry);
    if (!isSame(ledger.get('registered', key), row)) ledger.put('registered', key, row);
    return one.well ? fileOf(entry) : undefined;
  }

  /** Until the replicas have what it says now, it is as they have it. */
  #fileOfRow(row: Row | undefined, one: Registration, entry: Entry): IstioFile | undefined {
    if (row?.well !== true) return undefined;
    if (isSame(row.claim, one.claim) || one.made === undefined) return fileOf(entry);
    const before = registeredEntry(row.claim, one.made.group);
    return 'entry' in before ? fileOf(before.entry) : undefined;
  }

  /** Whether it is refused. @returns its entry, if it is not and its group is known */
  #judge(key: string, one: Registration): Entry | undefined {
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

type Entry = IstioObject<'WorkloadEntry'>;

function fileOf(entry: Entry): IstioFile {
  return { objects: [entry], problems: [], refused: [], readable: true };
}

/** After all files, so that an entry that somebody has written is the one in force. */
const PLACE = '~proxy ';

function placeOf(key: string): string {
  return `${PLACE}${key}`;
}
