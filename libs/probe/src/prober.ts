import type { ProbeResult } from './probe-result.ts';

export interface ProbeTarget {
  /** Unique. */
  readonly id: string;
  readonly address: string;
  readonly port: number;
}

export interface ProberOptions {
  /** Between two checks of one target, give or take a fifth; ms. */
  readonly intervalMs: number;
  /** Results in a row that make a target healthy, or not. */
  readonly healthy: number;
  readonly unhealthy: number;
  readonly perSecond: number;
  readonly concurrency: number;
}

type Verdict =
  | { readonly healthy: true }
  /** `isProven`: since it began to fail, a check of another target has succeeded, so that it is not the checker that is cut off. */
  | { readonly healthy: false; readonly reason: string; readonly isProven: boolean };

export interface ProberDeps {
  readonly now: () => number;
  /** [0, 1) */
  readonly random: () => number;
  /** Runs it later; returns how to stop that. */
  readonly after: (ms: number, run: () => void) => () => void;
  readonly probe: (target: ProbeTarget, signal: AbortSignal) => Promise<ProbeResult>;
  /** A target has crossed a threshold, or its failure is proven now: what it is. */
  readonly onVerdict: (target: ProbeTarget, verdict: Verdict) => void;
}

interface State {
  readonly target: ProbeTarget;
  readonly over: AbortController;
  inARow: number;
  last: boolean | undefined;
  verdict: 'well' | 'ill' | 'doubted' | undefined;
  /** Successes of all targets when this one began to fail. */
  successesBefore: number;
  /** Calls off its next check. */
  stop: () => void;
}

/**
 * Checks targets again and again: the first time at a random moment of the interval, so that a thousand of them are no
 * burst, never more than `perSecond` and `concurrency` at a time. What falls behind is checked late, never twice.
 */
export class Prober {
  readonly #options: ProberOptions;
  readonly #deps: ProberDeps;
  readonly #states = new Map<string, State>();
  readonly #waiting: State[] = [];
  #running = 0;
  #nextAt = 0;
  #successes = 0;
  #timer: (() => void) | undefined;
  /** Checks that were made. */
  count = 0;

  constructor(options: ProberOptions, deps: ProberDeps) {
    this.#options = options;
    this.#deps = deps;
  }

  get size(): number {
    return this.#states.size;
  }

  /** @param isIll as it was found before this prober began. @returns whether it is new */
  add(target: ProbeTarget, isIll = false): boolean {
    if (this.#states.has(target.id)) return false;
    const verdict = isIll ? 'ill' : undefined;
    const over = new AbortController();
    const state: State = { target, over, inARow: 0, last: undefined, verdict, successesBefore: 0, stop: () => undefined };
    this.#states.set(target.id, state);
    this.#later(state, this.#deps.random() * this.#options.intervalMs);
    return true;
  }

  remove(id: string): void {
    const state = this.#states.get(id);
    state?.over.abort();
    state?.stop();
    this.#states.delete(id);
  }

  ids(): readonly string[] {
    return [...this.#states.keys()];
  }

  close(): void {
    for (const id of this.ids()) this.remove(id);
    this.#waiting.length = 0;
    this.#timer?.();
  }

  #later(state: State, ms: number): void {
    // Not a listener of the signal: one for each check would stay there as long as the target does.
    state.stop = this.#deps.after(ms, () => {
      if (state.over.signal.aborted) return;
      this.#waiting.push(state);
      this.#pump();
    });
  }

  #pump(): void {
    while (this.#waiting.length > 0 && this.#running < this.#options.concurrency) {
      const wait = this.#nextAt - this.#deps.now();
      if (wait > 0) {
        this.#timer ??= this.#deps.after(wait, () => {
          this.#timer = undefined;
          this.#pump();
        });
        return;
      }
      const state = this.#waiting.shift();
      if (state === undefined || state.over.signal.aborted) continue;
      this.#nextAt = Math.max(this.#nextAt, this.#deps.now()) + 1_000 / this.#options.perSecond;
      this.#running += 1;
      void this.#check(state);
    }
  }

  async #check(state: State): Promise<void> {
    this.count += 1;
    const result = await this.#deps.probe(state.target, state.over.signal);
    this.#running -= 1;
    if (!state.over.signal.aborted) {
      this.#judge(state, result);
      this.#later(state, this.#options.intervalMs * (0.8 + 0.4 * this.#deps.random()));
    }
    this.#pump();
  }

  #judge(state: State, result: ProbeResult): void {
    if (result.healthy) this.#successes += 1;
    else if (state.last !== false) state.successesBefore = this.#successes;
    state.inARow = state.last === result.healthy ? state.inARow + 1 : 1;
    state.last = result.healthy;
    const enough = result.healthy ? this.#options.healthy : this.#options.unhealthy;
    if (state.inARow < enough) return;
    const isProven = this.#successes > state.successesBefore || this.#states.size === 1;
    const verdict = result.healthy ? 'well' : isProven ? 'ill' : 'doubted';
    // What was proven stays so when later everything fails.
    if (state.verdict === verdict || (state.verdict === 'ill' && verdict === 'doubted')) return;
    state.verdict = verdict;
    this.#deps.onVerdict(state.target, result.healthy ? result : { ...result, isProven });
  }
}
