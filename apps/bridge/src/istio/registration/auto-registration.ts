import type { Diagnostic, Ledger } from '@isthmus/model';
import { istioKey } from '@isthmus/policy';
import type { IstioConfigStore, IstioFile } from '@isthmus/policy';
import type { IstioObject } from '@isthmus/proto/istio';
import type { NodeInfo, NodeSession, Peer, Timers } from '@isthmus/xds';
import type { ProxyDefaults } from '../../mesh/proxy-of.ts';
import { claimOf } from './claim.ts';
import type { Claim } from './claim.ts';
import { fileOf, fileOfRow, keyOfPlace, placeOf } from './entry-file.ts';
import type { Entry } from './entry-file.ts';
import { LeftOut } from './left-out.ts';
import type { Left } from './left-out.ts';
import { Places } from './places.ts';
import { countsOf, registeredWorkloads } from './registered-workloads.ts';
import type { RegisteredWorkload } from './registered-workloads.ts';
import { full, missing, unreadable, unregistered } from './refusals.ts';
import { connect, lastSaid, madeOf, newRegistration } from './registration.ts';
import type { Connection, Registration } from './registration.ts';
import { isSame, keyOf, rowOf } from './row.ts';
import type { Row } from './row.ts';
import type { SharedRegistrations } from './shared-registrations.ts';

/** Workloads at a time; more wait until there is room. */
export const MOST_WORKLOADS = 10_000;
/** Refused ones that are known as such, and that follow their group; more wait until one of these is taken, or goes. */
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

/**
 * Proxies that name a WorkloadGroup (`AUTO_REGISTER_GROUP`) are workloads while they are connected, and for a grace after: a
 * WorkloadEntry is made of each, and stands in the store beside those that are written. What is known lives in the ledger, so that a
 * restart of the bridge is like a pause of all connections. A proxy that cannot be registered is served all the same: it calls
 * others, and nobody calls it.
 */
export class AutoRegistration {
  readonly #options: RegistrationOptions;
  readonly #registered = new Map<string, Registration>();
  /** Whoever has none of them is refused. Before the rules are read everyone takes one. */
  readonly #places: Places;
  readonly #leftOut = new LeftOut();
  /** Of streams whose node cannot be registered at all. */
  readonly #refused = new Map<object, Diagnostic>();
  #refusals = 0;
  #isFilling = false;
  #knowsRules = false;
  #isClosed = false;

  constructor(options: RegistrationOptions) {
    this.#options = options;
    this.#places = new Places(options.most ?? MOST_WORKLOADS);
    for (const [key, value] of options.ledger.entries('registered')) {
      const row = rowOf(key, value);
      if (row === undefined) {
        this.#refusals += 1;
        this.#refused.set({}, unreadable(key));
        if (options.shared === undefined) options.ledger.delete('registered', key);
        continue;
      }
      const known = newRegistration(row.claim, row.well);
      this.#registered.set(key, known);
      this.#places.take(key, true);
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
    return this.#admit(claim, { node: node.id, address: peer.address });
  };

  /** @param left it has waited for being known: who has come meanwhile is later */
  #admit(claim: Claim, connection: Connection, left?: Left): NodeSession {
    const key = keyOf(claim);
    let known = this.#registered.get(key);
    if (known === undefined) {
      known = newRegistration(claim, !claim.probed);
      known.problem = left?.problem;
      this.#registered.set(key, known);
      this.#judge(key, known);
      const { problem } = known;
      if (problem !== undefined && this.#refusedOnes > (this.#options.mostWaiting ?? MOST_WAITING)) {
        this.#drop(key);
        return this.#leftOut.add({ claim, connection, problem });
      }
    } else if (left === undefined && !isSame(known.claim, claim)) {
      // Who comes last is the workload as it is now. What was reported of it counts until it is reported anew.
      known.well = claim.probed ? known.well && known.claim.probed : true;
      known.claim = claim;
    }
    known.stay();
    const isOlder = left !== undefined;
    connect(known, connection, { claim, well: isOlder ? !claim.probed : known.well }, isOlder);
    if (left === undefined) this.#options.shared?.connected(key);
    this.#publish([key]);
    return this.#session(key, known, connection);
  }

  /** All that are registered, or would be if nothing were wrong; by namespace and name. */
  workloads(): readonly RegisteredWorkload[] {
    return registeredWorkloads(this.#registered.values(), this.#options.store, this.#isAlone);
  }

  /** How many there are of each state. */
  counts(): ReadonlyMap<RegisteredWorkload['state'], number> {
    return countsOf(this.#registered.values(), this.#options.store, this.#isAlone);
  }

  /** Registrations that came to nothing, since the start. */
  get refusals(): number {
    return this.#refusals;
  }

  diagnostics(): readonly Diagnostic[] {
    const ofEntries = [...this.#registered.values()].flatMap(({ problem }) => problem ?? []);
    const told = [...ofEntries, ...this.#leftOut.problems(), ...this.#refused.values()]
      .sort((a, b) => (a.where < b.where ? -1 : 1))
      .slice(0, MOST_LISTED);
    return [...(this.#options.shared?.diagnostics() ?? []), ...told];
  }

  /** Connections end with the bridge: nobody goes for it. */
  close(): void {
    this.#isClosed = true;
    this.#options.shared?.close();
    for (const { stay } of this.#registered.values()) stay();
  }

  /** Of those that are registered. */
  get #refusedOnes(): number {
    return this.#registered.size - this.#places.taken;
  }

  /** Where there are other replicas it may be connected to one of them. */
  get #isAlone(): boolean {
    return this.#options.shared === undefined;
  }

  #session(key: string, one: Registration, connection: Connection): NodeSession {
    return {
      health: (problem) => {
        const said = one.connections.get(connection);
        if (said === undefined || !said.claim.probed) return;
        one.connections.set(connection, { ...said, well: problem === undefined }); // in its place: it is no later one for that
        this.#heed(key, one);
      },
      close: () => {
        one.connections.delete(connection);
        if (this.#isClosed) return;
        if (one.connections.size > 0) return this.#heed(key, one);
        const { shared } = this.#options;
        shared?.disconnected(key);
        // Nobody calls what is refused, so that nothing has to wait for its return.
        if (shared !== undefined) this.#follow([key]);
        else if (one.problem !== undefined) this.#forget(key);
        else this.#expire(key, one, this.#options.graceMs());
      },
    };
  }

  /** What the last of its connections says is how it is. */
  #heed(key: string, one: Registration): void {
    const said = lastSaid(one);
    if (said === undefined || isSame(said, { claim: one.claim, well: one.well })) return;
    Object.assign(one, said);
    this.#publish([key]);
  }

  #expire(key: string, one: Registration, ms: number): void {
    one.stay = this.#options.timers.after(ms, () => this.#forget(key));
  }

  #forget(key: string): void {
    this.#drop(key);
    if (this.#options.shared === undefined) this.#options.ledger.delete('registered', key);
    this.#publish([key]);
  }

  /** What the ledger of the replicas says of them, or no longer. */
  #follow(keys: readonly string[]): void {
    for (const key of keys) {
      const row = this.#options.shared?.row(key);
      const known = this.#registered.get(key);
      if (known !== undefined && known.connections.size > 0) continue;
      if (row === undefined) this.#drop(key);
      else if (known === undefined) {
        this.#registered.set(key, newRegistration(row.claim, row.well));
        this.#places.take(key, true);
      } else Object.assign(known, row);
    }
    this.#publish(keys);
  }

  /** Puts into store and ledger what follows from them; taking the same again does nothing. Of many as one change, in slices. */
  #publish(keys: readonly string[]): void {
    void this.#options.store.setEach(keys.map(placeOf), (place) => {
      const key = keyOfPlace(place);
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
    if (shared !== undefined) return fileOfRow(shared.row(key), one, entry);
    if (!isSame(ledger.get('registered', key), row)) ledger.put('registered', key, row);
    return one.well ? fileOf(entry) : undefined;
  }

  /** Whether it is refused. @returns its entry, if it is not and its group is known */
  #judge(key: string, one: Registration): Entry | undefined {
    const { store, shared, ledger, most = MOST_WORKLOADS } = this.#options;
    const { claim } = one;
    const group = store.get(istioKey({ kind: 'WorkloadGroup', namespace: claim.namespace, name: claim.group }));
    const unknown = this.#knowsRules ? missing(claim) : undefined;
    const result = group === undefined ? unknown : madeOf(one, group as IstioObject<'WorkloadGroup'>);
    if (result !== undefined && 'problem' in result) {
      this.#places.free(key);
      this.#wait(one, result.problem, result.remedy);
      return undefined;
    }
    const isDecided = shared !== undefined && ledger.get('registered', key) !== undefined;
    if (!this.#places.take(key, isDecided)) {
      this.#wait(one, ...full(most));
      return undefined;
    }
    if (one.problem !== undefined || this.#places.isOver) this.#fillLater();
    one.problem = undefined;
    return result?.entry;
  }

  #wait(one: Registration, what: string, remedy: string): void {
    if (one.problem === undefined) {
      this.#refusals += 1;
      this.#fillLater();
    }
    one.problem = unregistered(one.claim.node, what, remedy);
  }

  #drop(key: string): void {
    this.#registered.delete(key);
    this.#places.free(key);
    this.#fillLater();
  }

  /** After what is under way: it may be one of many that free a place, or a step of the store's. */
  #fillLater(): void {
    if (this.#isFilling || this.#isClosed) return;
    this.#isFilling = true;
    queueMicrotask(() => {
      this.#isFilling = false;
      this.#fill();
    });
  }

  /** Who waits gets what is free; where the replicas have given away more than there was, who has it here alone has to wait. */
  #fill(): void {
    if (this.#isClosed) return;
    const { shared, mostWaiting = MOST_WAITING } = this.#options;
    const keys = this.#places.isOver ? (shared?.unshared() ?? []) : this.#places.next();
    if (keys.length > 0) this.#publish(keys);
    for (let room = mostWaiting - this.#refusedOnes; room > 0 && this.#leftOut.size > 0; room -= 1)
      this.#leftOut.admit((left) => this.#admit(left.claim, left.connection, left));
  }

  #refuse(node: string, why: string, remedy: string): NodeSession {
    this.#refusals += 1;
    const session: NodeSession = { health: () => undefined, close: () => void this.#refused.delete(session) };
    this.#refused.set(session, unregistered(node, why, remedy));
    return session;
  }
}
