/** What is used of cockatiel 3 and 4, whose policies differ in their module system only. Its fields are private to TypeScript alone. */
export interface CockatielPolicy {
  execute(fn: (context: CockatielContext) => unknown, signal?: AbortSignal): Promise<unknown>;
}

interface CockatielContext {
  readonly signal: AbortSignal;
}

export type CockatielResult = { readonly success: unknown } | { readonly error: unknown } | { readonly value: unknown };

export interface CockatielExecutor {
  /** Rejects with what the application's filters leave alone. */
  invoke(fn: (...args: unknown[]) => unknown, ...args: unknown[]): Promise<CockatielResult>;
  /** Which errors, and which values, it is for. */
  readonly errorFilter?: unknown;
  readonly resultFilter?: unknown;
}

export const CLOSED = 0;
export const OPEN = 1;
export const HALF_OPEN = 2;
export const ISOLATED = 3;

/** Each state is an object of its own. */
export interface CockatielState {
  readonly value: number;
  /** Of an open one, by the wall clock. */
  openedAt?: number;
  /** Of one that is open, or half-open, which is one attempt further on. */
  readonly backoff?: CockatielBackoff;
  readonly attemptNo?: number;
  /** Of one that is half-open in cockatiel 4: other calls wait for it. */
  readonly decision?: { resolve(): void };
}

export interface CockatielBackoff extends CockatielBackoffFactory {
  readonly duration: number;
}

interface CockatielBackoffFactory {
  next(context: { readonly attempt: number; readonly result: unknown; readonly signal: AbortSignal }): CockatielBackoff;
}

/** ConsecutiveBreaker, SamplingBreaker, CountBreaker, or the application's own. */
export interface CockatielSampling {
  /** Plain data, to be written as JSON; absent before 3.2. */
  state?: unknown;
  success(state: number): void;
  /** @returns whether it is one too many */
  failure(state: number): boolean;
}

interface CockatielEmitter {
  emit(value?: unknown): void;
}

export interface CockatielBreaker extends CockatielPolicy {
  readonly state: number;
  readonly lastFailure: unknown;
  readonly executor: CockatielExecutor;
  readonly options: { readonly breaker: CockatielSampling; readonly halfOpenAfter: unknown };
  readonly halfOpenAfterBackoffFactory: CockatielBackoffFactory;
  /** cockatiel 4; one call decides in 3. */
  readonly halfOpenSampling?: { readonly calls: number; readonly threshold: number };
  readonly resetEmitter: CockatielEmitter;
  readonly stateChangeEmitter: CockatielEmitter;
  innerState: CockatielState;
  innerLastFailure: unknown;
  open(reason: unknown, signal: AbortSignal): void;
}

export interface CockatielRetry extends CockatielPolicy {
  readonly executor: CockatielExecutor;
  readonly options: { readonly maxAttempts: number; readonly backoff?: unknown };
  readonly onGiveUpEmitter: unknown;
}

export interface CockatielTimeout extends CockatielPolicy {
  readonly executor: CockatielExecutor;
  readonly duration: number;
  readonly options: { readonly strategy: string };
}

export interface CockatielBulkhead extends CockatielPolicy {
  readonly capacity: number;
  readonly queueCapacity: number;
}

export type CockatielPart =
  | { readonly kind: 'breaker'; readonly policy: CockatielBreaker }
  | { readonly kind: 'retry'; readonly policy: CockatielRetry }
  | { readonly kind: 'timeout'; readonly policy: CockatielTimeout }
  | { readonly kind: 'bulkhead'; readonly policy: CockatielBulkhead }
  | { readonly kind: 'other' };

/** By what they have: their class names may have been minified away. */
export function partOf(policy: object): CockatielPart {
  if ('halfOpenAfterBackoffFactory' in policy) return { kind: 'breaker', policy: policy as CockatielBreaker };
  if ('onGiveUpEmitter' in policy) return { kind: 'retry', policy: policy as unknown as CockatielRetry };
  if ('duration' in policy && 'timeoutEmitter' in policy)
    return { kind: 'timeout', policy: policy as unknown as CockatielTimeout };
  if ('queueCapacity' in policy) return { kind: 'bulkhead', policy: policy as unknown as CockatielBulkhead };
  return { kind: 'other' };
}

/** The parts of `wrap(…)`, the outermost first; of a policy alone, itself. */
export function partsOf(policy: object): readonly object[] {
  const { wrapped } = policy as { readonly wrapped?: readonly object[] };
  return wrapped === undefined ? [policy] : wrapped.flatMap(partsOf);
}

const plain: CockatielExecutor = { invoke: async (fn, ...args) => ({ success: await fn(...args) }) };

/** An error of the application's own copy, whose class `handleType` knows: one that is open for ever is asked. */
export function brokenCircuit(policy: CockatielBreaker, execute: CockatielPolicy['execute']): Promise<Error> {
  const open = Object.create(policy, {
    innerState: { value: { value: 1, openedAt: Date.now(), backoff: { duration: Number.POSITIVE_INFINITY } } },
  }) as CockatielBreaker;
  return execute.call(open, () => undefined).then(neverHere, (error: Error) => error);
}

/** As above, of a deadline of none. */
export function taskCancelled(policy: CockatielTimeout, execute: CockatielPolicy['execute']): Promise<Error> {
  const spent = Object.create(policy, {
    duration: { value: 0 },
    executor: { value: plain },
    options: { value: { ...policy.options, strategy: 'aggressive' } },
    timeoutEmitter: { value: { emit: () => undefined } },
  }) as CockatielTimeout;
  return execute.call(spent, () => new Promise(() => undefined)).then(neverHere, (error: Error) => error);
}

function neverHere(): Error {
  return new Error('The policy let the call through');
}
