import { pause } from '@isthmus/model';
import { nextIndex, parseJson } from './answer.ts';
import type { Answer } from './answer.ts';
import type { ConsulClient, Query } from './client.ts';
import { ConsulFailure } from './failure.ts';
import { changedMarks, marksOf } from './normalize.ts';
import type { Mark } from './normalize.ts';

/** Re-reads in one go, and the rest between them: at most about 600 reads a second, a tenth of a core of Consul's. */
const BATCH = 6;
const BATCH_GAP_MS = 10;
/** Answers of one trigger are at least this far apart. */
const TRIGGER_GAP_MS = 50;
/** Consul answers at once although nothing changed (a proxy without blocking queries): then we wait. */
const NOT_BLOCKING_MS = 1_000;

export interface SweepOptions {
  readonly client: ConsulClient;
  readonly dc: string;
  /** Milliseconds for the next blocking query. */
  readonly wait: () => number;
  readonly signal: AbortSignal;
  /** Services with an instance on a node. */
  readonly on: (node: string) => readonly string[];
  readonly read: (name: string) => Promise<void>;
}

/**
 * Finds changes of services that have no blocking query of their own (docs/adr/0010-consul-watching.md):
 * - checks that start or stop failing come with their service's name (`/v1/health/state/critical` and `warning`),
 *   changed nodes with theirs (`/v1/catalog/nodes`): those services are read at once;
 * - for anything else the list of services only says that something changed: then all of them are read once more, at a bounded rate.
 */
export class Sweep {
  readonly #o: SweepOptions;
  readonly #members = new Set<string>();
  readonly #urgent = new Set<string>();
  readonly #due = new Set<string>();
  #wake: (() => void) | undefined;

  constructor(options: SweepOptions) {
    this.#o = options;
  }

  /** Also reads it once: it may have changed since it was read last, before anything here looked. */
  add(name: string): void {
    this.#members.add(name);
    this.#due.add(name);
    this.#wake?.();
  }

  delete(name: string): void {
    this.#members.delete(name);
    this.#urgent.delete(name);
    this.#due.delete(name);
  }

  /** Something in the catalog changed. */
  all(): void {
    for (const name of this.#members) this.#due.add(name);
    this.#wake?.();
  }

  /** @throws ConsulFailure when Consul is lost */
  async run(): Promise<void> {
    const { client } = this.#o;
    await Promise.all([
      this.#work(),
      this.#trigger((query) => client.checks('critical', query)),
      this.#trigger((query) => client.checks('warning', query)),
      this.#trigger((query) => client.nodes(query)),
    ]);
  }

  async #work(): Promise<void> {
    const { signal } = this.#o;
    const wake = () => this.#wake?.();
    signal.addEventListener('abort', wake);
    while (!signal.aborted) {
      const urgent = this.#urgent.size > 0;
      const batch = take(urgent ? this.#urgent : this.#due, BATCH);
      if (batch.length === 0) {
        await new Promise<void>((resolve) => (this.#wake = resolve));
        continue;
      }
      for (const name of batch) this.#due.delete(name);
      await Promise.all(batch.map((name) => this.#o.read(name)));
      if (!urgent && this.#urgent.size === 0) await pause(BATCH_GAP_MS, signal);
    }
    signal.removeEventListener('abort', wake);
  }

  async #trigger(ask: (query: Query) => Promise<Answer>): Promise<void> {
    const { signal, dc, wait } = this.#o;
    let index = 0;
    let before: readonly Mark[] | undefined;
    let failures = 0;
    while (!signal.aborted) {
      const asked = performance.now();
      try {
        const answer = await ask({ dc, index, waitMs: wait() });
        if (signal.aborted) return;
        const marks = marksOf(parseJson(answer.body, answer.contentType));
        if (before === undefined)
          this.all(); // what failed before this answer names nobody
        else this.#mark(changedMarks(before, marks));
        before = marks;
        const spinning = answer.index <= index;
        index = nextIndex(index, answer.index);
        failures = 0;
        const took = performance.now() - asked;
        const gap = spinning && took < TRIGGER_GAP_MS ? NOT_BLOCKING_MS : TRIGGER_GAP_MS - took;
        if (gap > 0) await pause(gap, signal);
      } catch (thrown) {
        if (!(thrown instanceof ConsulFailure && thrown.kind === 'busy')) failures += 1;
        index = 0; // an agent that lost its data would wait for an index of its past
        if (failures > 2 && !signal.aborted) throw thrown;
        await pause(TRIGGER_GAP_MS * (failures + 1), signal);
      }
    }
  }

  #mark(marks: readonly Mark[]): void {
    for (const mark of marks) {
      const names = mark.service === '' ? this.#o.on(mark.node) : [mark.service];
      for (const name of names) if (this.#members.has(name)) this.#urgent.add(name);
    }
    if (this.#urgent.size > 0) this.#wake?.();
  }
}

function take(from: Set<string>, count: number): readonly string[] {
  const taken: string[] = [];
  for (const name of from) {
    if (taken.length === count) break;
    taken.push(name);
    from.delete(name);
  }
  return taken;
}
