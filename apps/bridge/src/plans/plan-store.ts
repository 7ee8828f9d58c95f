import { SharedLedger } from '@isthmus/ledger';
import type { LocalLedger } from '@isthmus/ledger';
import { soleWriter } from '@isthmus/model';
import type { Writer } from '@isthmus/model';
import type { PlanRow } from '@isthmus/plans';

/** How long a write may take to be in a shared store, ms. */
const WRITE_MS = 5_000;

/** The ledger's table of plans: what is put takes effect at once with one replica, and when the store has it with several. */
export class PlanStore {
  readonly writer: Writer;
  readonly #ledger: LocalLedger;
  readonly #pending = new Set<string>();
  readonly #listeners = new Set<(name: string) => void>();
  readonly #stop: readonly (() => void)[];

  constructor(ledger: LocalLedger) {
    this.#ledger = ledger;
    const shared = ledger instanceof SharedLedger ? ledger : undefined;
    this.writer = shared?.writer ?? soleWriter;
    this.#stop = [
      shared?.onCommitted((changes) => {
        for (const { table, key } of changes) if (table === 'plan') this.#tell(key);
      }),
      // What this replica decided and did not get written, another one decides now.
      shared?.writer.onChange((isWriter) => {
        if (isWriter) return;
        for (const name of this.#pending) shared.delete('plan', name);
        this.#pending.clear();
      }),
    ].filter((stop) => stop !== undefined);
  }

  get(name: string): PlanRow | undefined {
    return this.#ledger.get('plan', name) as PlanRow | undefined;
  }

  names(): readonly string[] {
    return [...this.#ledger.entries('plan').keys()].sort();
  }

  /** What was put last has not taken effect yet: nothing else may be decided meanwhile. */
  isPending(name: string): boolean {
    return this.#pending.has(name);
  }

  /** Undefined: the plan goes. Only the writer may. */
  put(name: string, row: PlanRow | undefined): void {
    const isShared = this.#ledger instanceof SharedLedger;
    if (isShared) this.#pending.add(name);
    if (row === undefined) this.#ledger.delete('plan', name);
    else this.#ledger.put('plan', name, row);
    if (!isShared) this.#tell(name);
  }

  /** Resolves when nothing of the plan is pending any more; false: it was not written. */
  settled(name: string): Promise<boolean> {
    if (!this.#pending.has(name)) return Promise.resolve(true);
    return new Promise((resolve) => {
      const end = (is: boolean): void => {
        clearTimeout(timer);
        this.#listeners.delete(look);
        stop();
        resolve(is);
      };
      const look = (changed: string): void => {
        if (changed === name) end(true);
      };
      const timer = setTimeout(() => end(false), WRITE_MS);
      // Told of the lead only after it has it: that is no loss of it.
      const stop = this.writer.onChange((isWriter) => (isWriter ? undefined : end(false)));
      this.#listeners.add(look);
    });
  }

  /** Called after the row of a plan has changed, on every replica. */
  onChange(listener: (name: string) => void): void {
    this.#listeners.add(listener);
  }

  close(): void {
    for (const stop of this.#stop) stop();
    this.#listeners.clear();
  }

  #tell(name: string): void {
    this.#pending.delete(name);
    for (const listener of this.#listeners) listener(name);
  }
}
