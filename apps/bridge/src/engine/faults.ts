import { messageOf } from '@isthmus/model';
import type { Diagnostic } from '@isthmus/model';

/** What can fail inside the bridge without ending it; the label of `isthmus_faults`. */
export type FaultyWork = 'config' | 'publish' | 'removals' | 'replica';

/** Faults that last and are told; those beyond are counted. */
const MOST = 100;

interface Words {
  readonly what: (where: string) => string;
  readonly meaning: string;
}

const WORDS: Readonly<Record<FaultyWork, Words>> = {
  config: {
    what: () => 'taking the changed config into use failed',
    meaning: 'the config before it stays in force',
  },
  publish: {
    what: (where) => `making what is served of ${where === '' ? 'changed hosts' : where} failed`,
    meaning: 'what was served of it stays, all else goes on; it is tried again when something of it changes',
  },
  removals: {
    what: (where) => `the look at removals that wait failed${where === '' ? '' : ` at ${where}`}`,
    meaning: 'what waits there stays, all else goes on; it is tried again every second',
  },
  replica: {
    what: () => 'taking part in the ledger of the replicas failed',
    meaning: 'this replica may be behind the others until something changes there again',
  },
};

/**
 * Bugs of our own that were contained: what one service, scope or config runs into must not end the discovery of all others. Each is
 * a diagnostic while it lasts, logged once with its stack, and counted every time.
 */
export class Faults {
  readonly #lasting = new Map<string, Diagnostic>();
  readonly #counts = new Map<FaultyWork, number>();
  readonly #log: (fault: Diagnostic, error: unknown) => void;

  constructor(log: (fault: Diagnostic, error: unknown) => void = warn) {
    this.#log = log;
  }

  get all(): readonly Diagnostic[] {
    return [...this.#lasting.values()];
  }

  /** Since the start. */
  get counts(): ReadonlyMap<FaultyWork, number> {
    return this.#counts;
  }

  /** @param where a scope, a service, a host; '' where there is none */
  failed(work: FaultyWork, where: string, error: unknown): void {
    this.#counts.set(work, (this.#counts.get(work) ?? 0) + 1);
    const { what, meaning } = WORDS[work];
    const fault: Diagnostic = {
      code: 'bridge.failed',
      severity: 'error',
      where: where === '' ? 'bridge' : where,
      what: `${what(where)}: ${messageOf(error)}`,
      meaning,
      remedy: 'this is a bug: report it with the log',
    };
    const key = keyOf(work, where);
    const known = this.#lasting.get(key);
    if (known?.what === fault.what || (known === undefined && this.#lasting.size >= MOST)) return;
    this.#lasting.set(key, fault);
    this.#log(fault, error);
  }

  /** It worked there, so what failed before is over. */
  worked(work: FaultyWork, where: string): void {
    if (this.#lasting.size > 0) this.#lasting.delete(keyOf(work, where));
  }

  /** Work on many things: what it does not say to have failed has worked. */
  async each(work: FaultyWork, run: (failed: (where: string, error: unknown) => void) => Promise<unknown>): Promise<void> {
    const failed = new Set<string>();
    await run((where, error) => {
      failed.add(keyOf(work, where));
      this.failed(work, where, error);
    });
    for (const key of this.#lasting.keys()) if (key.startsWith(`${work} `) && !failed.has(key)) this.#lasting.delete(key);
  }
}

function keyOf(work: FaultyWork, where: string): string {
  return `${work} ${where}`;
}

function warn(_: Diagnostic, error: unknown): void {
  process.emitWarning(error instanceof Error ? error : new Error(String(error)));
}
