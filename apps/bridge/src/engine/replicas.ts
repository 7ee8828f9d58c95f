import { createHash } from 'node:crypto';
import { letGoService } from '@isthmus/catalog';
import type { Catalog } from '@isthmus/catalog';
import type { SharedLedger, Replica } from '@isthmus/ledger';
import { parseMeshHost, runInSlices } from '@isthmus/model';
import type { MeshHost } from '@isthmus/model';
import type { Writer } from '@isthmus/registry';
import type { BridgeConfig } from './bridge-config.ts';
import { freezeStale } from './frozen-scopes.ts';

export interface ReplicasHooks {
  /** The one in force. */
  readonly catalog: () => Catalog;
  readonly touch: (hosts: Iterable<MeshHost>) => void;
  /** Something to show changed. */
  readonly changed: () => void;
}

/** How often hosts that wait for an address and scopes that are stale are looked at, ms. */
const LOOK_MS = 1_000;
/** How long what the leader lets go is said: a replica that was away for so long judges alone, ms. */
const LET_GO_MS = 60_000;
/** How long a release waits until the store has it, ms. */
const RELEASE_MS = 5_000;

/** Only the leader may do this. */
export class NotLeader extends Error {
  readonly leader: Replica | undefined;

  constructor(leader: Replica | undefined) {
    super(leader === undefined ? 'no replica leads now' : `${leader.id} leads`);
    this.leader = leader;
  }
}

/** One replica's part in a ledger that several share: what the leader decides changes hosts here, at the same revision as there. */
export class Replicas {
  readonly ledger: SharedLedger;
  readonly #hooks: ReplicasHooks;
  readonly #stop: readonly (() => void)[];
  /** What is let go, since when this replica sees it. */
  #letGo = new Map<string, { readonly value: unknown; readonly at: number }>();
  #isFreezing = false;

  constructor(ledger: SharedLedger, hooks: ReplicasHooks) {
    this.ledger = ledger;
    this.#hooks = hooks;
    const timer = setInterval(() => this.#look(), LOOK_MS).unref();
    this.#stop = [
      () => clearInterval(timer),
      ledger.onCommitted((changes) => hooks.touch(hooks.catalog().ledgerChanged(changes))),
      ledger.writer.onChange(() => this.#look()),
      ledger.onChanged(hooks.changed),
      ledger.onAsked((hosts) => hooks.catalog().promiseVips(hosts.flatMap((host) => parseMeshHost(host) ?? []))),
    ];
  }

  close(): void {
    for (const stop of this.#stop) stop();
  }

  /** Who writes into registries: all replicas of one ledger are one owner of what is written there. */
  writerOf({ meshId, ledger: { shared } }: BridgeConfig): Writer {
    const place = createHash('sha256')
      .update(JSON.stringify([shared?.registry, shared?.place]))
      .digest('hex');
    return { ...this.ledger.writer, owner: `${meshId}-${place.slice(0, 8)}` };
  }

  /** Hosts that wait for their address are not published yet. */
  get withheld(): number {
    return this.#hooks.catalog().pendingVips?.withheld ?? 0;
  }

  /** Call it when a registry was heard: what the last leader held and nobody holds any more is let go. */
  settleHeld(): void {
    const held = this.ledger.entries('held');
    if (held.size === 0 || !this.ledger.writer.isWriter()) return;
    const catalog = this.#hooks.catalog();
    for (const id of held.keys()) {
      const scope = catalog.scopeById(id);
      if (scope?.status.state === 'live' && scope.lastSync !== undefined && scope.held === undefined)
        this.ledger.delete('held', id);
    }
  }

  /**
   * Lets a held removal through on all replicas; resolves when that is written. Undefined: nothing is held there.
   * @throws NotLeader when another replica has to be asked, or this one lost the lead meanwhile
   */
  async release(id: string): Promise<number | undefined> {
    const { ledger } = this;
    if (!ledger.writer.isWriter()) throw new NotLeader(ledger.status.leader);
    const catalog = this.#hooks.catalog();
    const released = catalog.release(id)?.released;
    if (released === undefined) return undefined;
    const written = new Promise<boolean>((resolve) => {
      const end = (is: boolean): void => {
        clearTimeout(timer);
        forget();
        resolve(is);
      };
      const timer = setTimeout(() => end(false), RELEASE_MS);
      const forget = ledger.onCommitted((changes) => {
        // What is wished for at once is written at once.
        if (changes.some(({ table, key }) => table === 'held' && letGoService(key)?.startsWith(`${id}/`) === true)) end(true);
      });
    });
    if (!(await written)) throw new NotLeader(ledger.status.leader);
    return released;
  }

  /** When every replica has read what was let go. */
  #forgetLetGo(): void {
    if (!this.ledger.writer.isWriter()) return;
    const now = performance.now();
    const seen = new Map<string, { readonly value: unknown; readonly at: number }>();
    for (const [key, value] of this.ledger.entries('held')) {
      if (letGoService(key) === undefined) continue;
      const before = this.#letGo.get(key);
      const { at } = before !== undefined && before.value === value ? before : { at: now };
      seen.set(key, { value, at });
      if (now - at > LET_GO_MS) this.ledger.delete('held', key);
    }
    this.#letGo = seen;
  }

  #freeze(): void {
    if (this.#isFreezing || !this.ledger.writer.isWriter()) return;
    this.#isFreezing = true;
    void runInSlices(freezeStale(this.ledger, this.#hooks.catalog())).finally(() => (this.#isFreezing = false));
  }

  /** A registry that only this replica can reach: its hosts get their addresses from the leader all the same. */
  #askFor(hosts: readonly MeshHost[]): void {
    if (hosts.length > 0 && !this.ledger.writer.isWriter()) this.ledger.ask(hosts);
  }

  /** Of hosts that wait: a new leader proposes addresses, and who waited for too long is published without. */
  #look(): void {
    const waiting = this.#hooks.catalog().pendingVips?.hosts;
    if (waiting !== undefined && waiting.size > 0) {
      this.#hooks.touch(waiting);
      this.#askFor(this.#hooks.catalog().pendingVips?.overdue ?? []);
    }
    this.settleHeld();
    this.#forgetLetGo();
    this.#freeze();
  }
}
