import type { BreakerReport } from '@isthmus/contract';
import type { SidecarSeen } from '../sidecar-watch.ts';
import { CLOSED, HALF_OPEN, ISOLATED, OPEN } from './cockatiel-shape.ts';
import type { CockatielBackoff, CockatielBreaker, CockatielPolicy, CockatielResult, CockatielState } from './cockatiel-shape.ts';
import { SampledOutcomes } from './sampled-outcomes.ts';
import { begunWith, wasHung } from './suspects.ts';
import type { Begun } from './suspects.ts';

type Fn = (...args: unknown[]) => unknown;

const STATES = ['closed', 'open', 'half-open', 'open'] as const;
const NEVER_ABORTED = new AbortController().signal;

/** What the breaker would be by what its calls in the mesh met: open, and half-open once the backoff has passed. */
interface WouldBeOpen {
  /** By the clock that never goes back, which cockatiel's does. */
  readonly since: number;
  readonly reason: unknown;
  readonly backoff: CockatielBackoff;
  readonly attemptNo: number;
  /** Of its trial. */
  successes: number;
  failures: number;
}

/**
 * A breaker of the application's cockatiel whose calls the process or the sidecar breaks, by turns. cockatiel has no timer: open is
 * half-open as soon as a call comes after the backoff. So its trial may be in the mesh, and what it came to is known on the way back.
 */
export class ObservedPolicy {
  readonly #policy: CockatielBreaker;
  readonly #execute: CockatielPolicy['execute'];
  readonly #isRefusal: (error: unknown) => boolean;
  readonly #outcomes: SampledOutcomes;
  /** The breaker itself, but for what its sampling is told. */
  readonly #own: CockatielBreaker;
  readonly #begun = new WeakMap<object, Begun>();
  /** Of the failure that cockatiel is about to count. */
  #failing: Begun | undefined;
  /** The states that suspects made, and those before. */
  #opened: { readonly made: CockatielState; readonly before: CockatielState } | undefined;
  #wouldOpened: { readonly made: WouldBeOpen; readonly before: WouldBeOpen | undefined } | undefined;
  #atHandOver: CockatielState | undefined;
  #would: WouldBeOpen | undefined;
  #rejected = 0;

  /** @param isRefusal of the sidecar, which in the process is no outcome either */
  constructor(policy: CockatielBreaker, execute: CockatielPolicy['execute'], isRefusal: (error: unknown) => boolean) {
    this.#policy = policy;
    this.#execute = execute;
    this.#isRefusal = isRefusal;
    this.#outcomes = new SampledOutcomes(policy.options.breaker);
    this.#own = this.#ownOf(policy);
  }

  report(): BreakerReport {
    const rejected = this.#rejected;
    this.#rejected = 0;
    const isObserving = this.#atHandOver !== undefined;
    const state = isObserving ? 'observing' : (STATES[this.#policy.state] ?? 'open');
    return { name: 'cockatiel', library: 'cockatiel', state, rejected };
  }

  /** Before a call is judged. What a sidecar that was found lost had is as if it had not been. */
  takeOut(seen: SidecarSeen | undefined): void {
    const settled = this.#outcomes.settle(seen);
    if (settled === undefined) return;
    const opened = this.#opened;
    const wouldOpened = this.#wouldOpened;
    this.#opened = undefined;
    this.#wouldOpened = undefined;
    if (settled.of === 'cleared') return;
    const isUndone = (before: number): boolean => before === HALF_OPEN || !settled.isOver;
    if (wouldOpened?.made === this.#would && isUndone(wouldOpened?.before === undefined ? CLOSED : HALF_OPEN))
      this.#would = wouldOpened?.before;
    if (opened !== undefined && opened.made === this.#policy.innerState && isUndone(opened.before.value))
      this.#return(opened.before);
  }

  /** The process breaks. @param seen of the sidecar that gets the call */
  async own(fn: Fn, signal?: AbortSignal, seen?: SidecarSeen): Promise<unknown> {
    if (this.#atHandOver !== undefined) this.#takeBack(this.#atHandOver);
    let ran = false;
    const run: Fn = (...args) => {
      ran = true;
      return fn(...args);
    };
    const begun = begunWith(seen);
    if (begun !== undefined) this.#begun.set(run, begun);
    try {
      return await this.#execute.call(this.#own, run, signal);
    } catch (error) {
      if (!ran) this.#rejected += 1;
      throw error;
    }
  }

  /** The sidecar breaks: each call is let through. */
  async observed(fn: Fn, signal?: AbortSignal, seen?: SidecarSeen): Promise<unknown> {
    if (this.#atHandOver === undefined) this.#handOver();
    const begun = begunWith(seen);
    let result: CockatielResult;
    try {
      result = await this.#policy.executor.invoke(fn, { signal: signal ?? NEVER_ABORTED });
    } catch (error) {
      // No error that the breaker is for: one that is half-open closes.
      if (!this.#isRefusal(error) && this.#trial() !== undefined) this.#succeeded();
      throw error;
    }
    if ('success' in result) {
      this.#succeeded();
      return result.success;
    }
    if (!('error' in result)) {
      this.#failed(result, begun);
      return result.value;
    }
    if (!this.#isRefusal(result.error)) this.#failed(result, begun);
    throw result.error;
  }

  /** Inherits from the breaker and keeps its state there. */
  #ownOf(policy: CockatielBreaker): CockatielBreaker {
    const failingOf = new WeakMap<object, Begun>();
    const own: CockatielBreaker = Object.create(policy, {
      execute: { value: (fn: Fn, signal?: AbortSignal) => this.#execute.call(own, fn, signal) },
      executor: {
        value: {
          invoke: async (fn: Fn, ...args: unknown[]) => {
            const result = await policy.executor.invoke(fn, ...args);
            const begun = this.#begun.get(fn);
            if (begun !== undefined) failingOf.set(result, begun);
            return result;
          },
        },
      },
      innerLastFailure: {
        get: () => policy.innerLastFailure,
        // cockatiel sets it right before it tells the sampling.
        set: (failure: object) => {
          policy.innerLastFailure = failure;
          this.#failing = failingOf.get(failure);
        },
      },
      innerState: {
        get: () => policy.innerState,
        set: (next: CockatielState) => {
          this.#change(next);
        },
      },
      open: { value: (reason: unknown, signal: AbortSignal) => this.#open(reason, signal) },
      options: {
        value: Object.create(policy.options, {
          breaker: {
            value: {
              success: (state: number) => this.#outcomes.succeeded(state),
              failure: (state: number) => this.#ownFailed(state),
            },
          },
        }) as CockatielBreaker['options'],
      },
    }) as CockatielBreaker;
    return own;
  }

  #ownFailed(state: number): boolean {
    const begun = this.#failing;
    if (begun === undefined) return this.#outcomes.failed(state);
    if (wasHung(begun)) return false;
    this.takeOut(begun.seen);
    return this.#outcomes.failed(state, begun);
  }

  #open(reason: unknown, signal: AbortSignal): void {
    const policy = this.#policy;
    const begun = this.#failing;
    // A trial opens it whatever the sampling says.
    if (policy.state === HALF_OPEN && begun !== undefined && wasHung(begun)) this.#return(policy.innerState);
    else (Object.getPrototypeOf(policy) as CockatielBreaker).open.call(this.#own, reason, signal);
    this.#failing = undefined;
  }

  #change(next: CockatielState): void {
    const before = this.#policy.innerState;
    this.#policy.innerState = next;
    if (next.value === OPEN) this.#opened = this.#failing === undefined ? undefined : { made: next, before };
  }

  /** What a trial was for is tried by the next call. */
  #return(before: CockatielState): void {
    const policy = this.#policy;
    const { backoff, attemptNo = 1 } = before;
    if (before.value === HALF_OPEN && backoff !== undefined) {
      policy.innerState = { value: OPEN, openedAt: Number.NEGATIVE_INFINITY, backoff, attemptNo: attemptNo - 1 };
      before.decision?.resolve();
      return;
    }
    this.#close();
  }

  #close(): void {
    const policy = this.#policy;
    const before = policy.innerState;
    policy.innerState = { value: CLOSED };
    before.decision?.resolve();
    policy.resetEmitter.emit();
    policy.stateChangeEmitter.emit(CLOSED);
  }

  #handOver(): void {
    const state = this.#policy.innerState;
    this.#atHandOver = state;
    this.#would = undefined;
    this.#wouldOpened = undefined;
    const { value, openedAt = 0, backoff, attemptNo = 1 } = state;
    if (backoff === undefined || (value !== OPEN && value !== HALF_OPEN)) return;
    const isTrying = value === HALF_OPEN;
    this.#would = {
      since: isTrying ? Number.NEGATIVE_INFINITY : performance.now() - (Date.now() - openedAt),
      reason: this.#policy.innerLastFailure,
      backoff,
      attemptNo: isTrying ? attemptNo - 1 : attemptNo,
      successes: 0,
      failures: 0,
    };
    // Suspects may have opened it in the process.
    if (this.#opened?.made === state && this.#opened.before.value === CLOSED)
      this.#wouldOpened = { made: this.#would, before: undefined };
  }

  /** Of the call that has ended, where a half-open breaker would have had it. */
  #trial(): WouldBeOpen | undefined {
    const would = this.#would;
    return would !== undefined && performance.now() - would.since >= would.backoff.duration ? would : undefined;
  }

  #succeeded(): void {
    const trial = this.#trial();
    if (trial !== undefined) trial.successes += 1;
    if (trial === undefined || !this.#isDecided(trial)) {
      this.#outcomes.succeeded(CLOSED);
      return;
    }
    this.#would = undefined;
    this.#outcomes.succeeded(HALF_OPEN);
  }

  #isDecided({ successes, failures }: WouldBeOpen): boolean {
    return successes + failures >= (this.#policy.halfOpenSampling?.calls ?? 1);
  }

  #failed(reason: CockatielResult, begun: Begun | undefined): void {
    this.#policy.innerLastFailure = reason;
    if (begun !== undefined && wasHung(begun)) return;
    if (begun !== undefined) this.takeOut(begun.seen);
    const before = this.#would;
    const trial = this.#trial();
    const isOver = this.#outcomes.failed(trial === undefined ? CLOSED : HALF_OPEN, begun);
    if (trial !== undefined) trial.failures += 1;
    const { calls, threshold } = this.#policy.halfOpenSampling ?? { calls: 1, threshold: 0 };
    if (trial === undefined ? before !== undefined || !isOver : trial.failures <= threshold * calls) return;
    const attemptNo = (trial?.attemptNo ?? 0) + 1;
    const factory = trial?.backoff ?? this.#policy.halfOpenAfterBackoffFactory;
    const backoff = factory.next({ attempt: attemptNo, result: reason, signal: NEVER_ABORTED });
    this.#would = { since: performance.now(), reason, backoff, attemptNo, successes: 0, failures: 0 };
    this.#wouldOpened = begun === undefined ? undefined : { made: this.#would, before };
  }

  /** The way back is warm: the sampling went on, and a breaker that would be open is, until it would be half-open. */
  #takeBack(atHandOver: CockatielState): void {
    const policy = this.#policy;
    const would = this.#would;
    this.#atHandOver = undefined;
    this.#would = undefined;
    const now = policy.innerState;
    // A trial of the process's that was under way has decided meanwhile, or somebody by hand.
    if (now !== atHandOver || now.value === ISOLATED) return;
    if (would === undefined) {
      if (now.value !== CLOSED) this.#close();
      return;
    }
    // It is what it was, or its trial is under way still.
    if (now.value === HALF_OPEN || (now.value === OPEN && now.backoff === would.backoff && now.attemptNo === would.attemptNo))
      return;
    const { backoff, attemptNo } = would;
    if (now.value === CLOSED) policy.open(would.reason, NEVER_ABORTED);
    // Half-open when it would have been; cockatiel goes by the wall clock, which may have jumped since.
    policy.innerState = { value: OPEN, openedAt: Date.now() - (performance.now() - would.since), backoff, attemptNo };
    if (this.#wouldOpened?.made === would)
      this.#opened = { made: policy.innerState, before: wouldBefore(this.#wouldOpened.before) };
  }
}

/** As cockatiel would have it. */
function wouldBefore(before: WouldBeOpen | undefined): CockatielState {
  return before === undefined
    ? { value: CLOSED }
    : { value: HALF_OPEN, backoff: before.backoff, attemptNo: before.attemptNo + 1 };
}
