import { createHash } from 'node:crypto';
import { letGoService } from '@isthmus/catalog';
import type { Catalog } from '@isthmus/catalog';
import type { LedgerChange, SharedLedger, Replica } from '@isthmus/ledger';
import { parseMeshHost, runInSlices, scopeId } from '@isthmus/model';
import type { MeshHost } from '@isthmus/model';
import type { Writer } from '@isthmus/registry';
import type { BridgeConfig } from './bridge-config.ts';
import { freezeStale } from './frozen-scopes.ts';

export interface ReplicasHooks {
  /** The one in force. */
  readonly catalog: () => Catalog;
  readonly touch: (hosts: Iterable<MeshHost>) => void;
  /** The leader let something go that is still here: lets it go in slices; resolves when it is gone. */
  readonly letGo: () => Promise<void>;
  /** Something to show changed. */
  readonly changed: () => void;
  /** A bug while this was done, which nobody waits for. */
  readonly failed: (what: string, error: unknown) => void;
  readonly worked: (what: string) => void;
  /** Steady, ms. Default: of this process. */
  readonly monotonic?: () => number;
}

/** How often hosts that wait for an address and scopes that are stale are looked at, ms. */
const LOOK_MS = 1_000;
/**
 * How long what the leader lets go is said at least, ms; and for as long as it holds anything there, for what it holds no other
 * replica judges. Who was away for longer judges alone what nobody holds: by time in which it followed the registry itself.
 */
const LET_GO_MS = 600_000;
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
    const timer = setInterval(() => this.#guard('a look', () => this.#look()), LOOK_MS).unref();
    this.#stop = [
      () => clearInterval(timer),
      ledger.onCommitted((changes) => this.#guard('a revision', () => this.#committed(changes))),
      ledger.writer.onChange(() => this.#guard('a look', () => this.#look())),
      ledger.onChanged(hooks.changed),
      ledger.onAsked((hosts) =>
        this.#guard('a question', () => hooks.catalog().promiseVips(hosts.flatMap((host) => parseMeshHost(host) ?? []))),
      ),
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
    // Of few scopes there may be many services that something was let go of.
    for (const { scope, status, lastSync, held: mine } of this.#hooks.catalog().scopes()) {
      const id = scopeId(scope);
      if (status.state === 'live' && lastSync !== undefined && mine === undefined && held.has(id)) this.ledger.delete('held', id);
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
    await this.#hooks.letGo();
    return released;
  }

  /** Timers and listeners: what failed there would end the process, and with it the discovery of everything. */
  #guard(what: string, work: () => void): void {
    try {
      work();
      this.#hooks.worked(what);
    } catch (error) {
      this.#hooks.failed(what, error);
    }
  }

  #committed(changes: readonly LedgerChange[]): void {
    const catalog = this.#hooks.catalog();
    this.#hooks.touch(catalog.ledgerChanged(changes));
    if (catalog.isLetGo) this.#hooks.letGo().catch((error: unknown) => this.#hooks.failed('what was let go', error));
  }

  /** When every replica has read what was let go. */
  #forgetLetGo(): void {
    if (!this.ledger.writer.isWriter()) return;
    const now = (this.#hooks.monotonic ?? performance.now.bind(performance))();
    const seen = new Map<string, { readonly value: unknown; readonly at: number }>();
    for (const [key, value] of this.ledger.entries('held')) {
      const id = letGoService(key);
      if (id === undefined) continue;
      const before = this.#letGo.get(key);
      const { at } = before !== undefined && before.value === value ? before : { at: now };
      seen.set(key, { value, at });
      const isHolding = this.ledger.get('held', id.slice(0, id.lastIndexOf('/'))) !== undefined;
      if (now - at > LET_GO_MS && !isHolding) this.ledger.delete('held', key);
    }
    this.#letGo = seen;
  }

  #freeze(): void {
    if (this.#isFreezing || !this.ledger.writer.isWriter()) return;
    this.#isFreezing = true;
    runInSlices(freezeStale(this.ledger, this.#hooks.catalog()))
      .catch((error: unknown) => this.#hooks.failed('what is stale', error))
      .finally(() => (this.#isFreezing = false));
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
