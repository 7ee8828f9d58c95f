import type { Diagnostic, Ledger } from '@isthmus/model';
import { istioKey } from '@isthmus/policy';
import type { IstioConfigStore, IstioFile } from '@isthmus/policy';
import type { IstioObject } from '@isthmus/proto/istio';
import type { NodeInfo, NodeSession, Peer, Timers } from '@isthmus/xds';
import type { ProxyDefaults } from '../../mesh/proxy-of.ts';
import { claimOf, entryName } from './claim.ts';
import type { Claim } from './claim.ts';
import { registeredEntry } from './registered-entry.ts';

/** Workloads at a time; more are not registered. */
const MOST_WORKLOADS = 10_000;
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
}

/** In the ledger, by `keyOf`. */
interface Row {
  readonly claim: Claim;
  readonly well: boolean;
}

interface Registration extends Row {
  claim: Claim;
  well: boolean;
  streams: number;
  problem: Diagnostic | undefined;
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
  /** Of streams whose node cannot be registered at all. */
  readonly #refused = new Map<object, Diagnostic>();
  #refusals = 0;
  #knowsRules = false;
  #isClosed = false;

  constructor(options: RegistrationOptions) {
    this.#options = options;
    for (const [key, value] of options.ledger.entries('registered')) {
      const { claim, well } = value as Row;
      const known: Registration = { claim, well, streams: 0, problem: undefined, stay: () => undefined };
      this.#registered.set(key, known);
      this.#expire(key, known, Math.max(RETURN_MS, options.graceMs()));
    }
    options.store.onChange((changes) => {
      const groups = changes.map(({ before, after }) => after ?? before).filter((object) => object?.kind === 'WorkloadGroup');
      if (groups.length === 0) return;
      const changed = new Set(groups.map((group) => `${group?.namespace}/${group?.name}`));
      this.#publish([...this.#registered].filter(([, { claim }]) => changed.has(`${claim.namespace}/${claim.group}`)));
    });
  }

  /** Groups that are not there now are missing. */
  rulesWereRead(): void {
    this.#knowsRules = true;
    this.#publish(this.#registered);
  }

  /** A node was let in. @returns undefined: it asks for no registration */
  readonly opened = (node: NodeInfo, peer: Peer): NodeSession | undefined => {
    const claim = claimOf(node, peer, this.#options.defaults);
    if (claim === undefined) return undefined;
    if ('refused' in claim) return this.#refuse(node.id, claim.refused, claim.remedy);
    const key = keyOf(claim);
    let known = this.#registered.get(key);
    if (known === undefined) {
      const { most = MOST_WORKLOADS } = this.#options;
      if (this.#registered.size >= most)
        return this.#refuse(node.id, `${most} workloads are registered already`, 'write the others as WorkloadEntries');
      known = { claim, well: !claim.probed, streams: 0, problem: undefined, stay: () => undefined };
      this.#registered.set(key, known);
      this.#publish([[key, known]]);
    } else if (JSON.stringify(known.claim) !== JSON.stringify(claim)) {
      // Who comes last is the workload as it is now. What was reported of it counts until it is reported anew.
      known.well = claim.probed ? known.well && known.claim.probed : true;
      known.claim = claim;
      this.#publish([[key, known]]);
    }
    known.stay();
    known.streams += 1;
    return this.#session(key, known);
  };

  /** All that are registered, or would be if nothing were wrong; by namespace and name. */
  workloads(): readonly RegisteredWorkload[] {
    const all = [...this.#registered.values()].map(({ claim, well, streams, problem }) => ({
      name: entryName(claim),
      claim,
      state: problem !== undefined ? 'refused' : !well ? 'unwell' : streams === 0 ? 'away' : 'in',
      problem: problem?.what,
    }));
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

  #session(key: string, one: Registration): NodeSession {
    return {
      health: (problem) => {
        const well = problem === undefined;
        if (!one.claim.probed || one.well === well) return;
        one.well = well;
        this.#publish([[key, one]]);
      },
      close: () => {
        one.streams -= 1;
        if (one.streams === 0 && !this.#isClosed) this.#expire(key, one, this.#options.graceMs());
      },
    };
  }

  #expire(key: string, one: Registration, ms: number): void {
    one.stay = this.#options.timers.after(ms, () => {
      this.#registered.delete(key);
      this.#options.ledger.delete('registered', key);
      this.#options.store.set(placeOf(key), undefined);
    });
  }

  /** Puts into store and ledger what follows from them; taking the same again does nothing. Of many as one change, in slices. */
  #publish(some: Iterable<readonly [key: string, one: Registration]>): void {
    const { store } = this.#options;
    const files: [place: string, file: IstioFile | undefined][] = [];
    for (const [key, one] of some) {
      const { namespace, group: name } = one.claim;
      const group = store.get(istioKey({ kind: 'WorkloadGroup', namespace, name }));
      if (group === undefined && !this.#knowsRules) continue;
      files.push([placeOf(key), this.#fileOf(key, one, group as IstioObject<'WorkloadGroup'> | undefined)]);
    }
    void store.setAll(files);
  }

  #fileOf(key: string, one: Registration, group: IstioObject<'WorkloadGroup'> | undefined): IstioFile | undefined {
    const { ledger } = this.#options;
    const { claim, well } = one;
    const made =
      group === undefined
        ? {
            problem: `there is no WorkloadGroup ${claim.namespace}/${claim.group}`,
            remedy: 'add the group, or take AUTO_REGISTER_GROUP out of the bootstrap',
          }
        : registeredEntry(claim, group);
    if ('problem' in made) {
      if (one.problem === undefined) this.#refusals += 1;
      one.problem = unregistered(claim.node, made.problem, made.remedy);
      return undefined;
    }
    one.problem = undefined;
    const row: Row = { claim, well };
    if (JSON.stringify(ledger.get('registered', key)) !== JSON.stringify(row)) ledger.put('registered', key, row);
    return well ? { objects: [made.entry], problems: [], refused: [], readable: true } : undefined;
  }

  #refuse(node: string, why: string, remedy: string): NodeSession {
    this.#refusals += 1;
    const session: NodeSession = { health: () => undefined, close: () => void this.#refused.delete(session) };
    this.#refused.set(session, unregistered(node, why, remedy));
    return session;
  }
}

/** Also by who has proven to be it: whoever may not register as a workload takes nothing from the one who did. */
function keyOf(claim: Claim): string {
  const key = `${claim.namespace}/${entryName(claim)}`;
  return claim.accounts === undefined ? key : `${key} ${claim.accounts.join(' ')}`;
}

/** After all files, so that an entry that somebody has written is the one in force. */
function placeOf(key: string): string {
  return `~proxy ${key}`;
}

function notShared(count: number): Diagnostic {
  return {
    code: 'workload.not-shared',
    severity: 'warning',
    where: 'istio',
    what: `${count} ${count === 1 ? 'workload has' : 'workloads have'} registered here by a WorkloadGroup`,
    meaning: 'the other replicas know only those that are connected to them, and so do their callers',
    remedy: 'use one replica with WorkloadGroups, or write WorkloadEntries',
  };
}

function unregistered(node: string, what: string, remedy: string): Diagnostic {
  return {
    code: 'workload.unregistered',
    severity: 'warning',
    where: `proxy ${node}`,
    what,
    meaning: 'it is served, and is no endpoint of any service by its WorkloadGroup',
    remedy,
  };
}
