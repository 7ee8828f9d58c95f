/** What is used of opossum 8.5 to 10, whose `lib/circuit.js` is one file in all of them. */
export interface OpossumBreaker {
  readonly name: string;
  readonly enabled: boolean;
  readonly isShutdown: boolean;
  readonly opened: boolean;
  readonly closed: boolean;
  readonly halfOpen: boolean;
  readonly warmUp: boolean;
  readonly volumeThreshold: number;
  options: OpossumOptions;
  action: (...args: unknown[]) => unknown;
  readonly status: { readonly window: readonly OpossumBucket[] };
  call(context: unknown, ...args: unknown[]): Promise<unknown>;
  open(): void;
  close(): void;
  emit(event: string, ...values: unknown[]): boolean;
  on(event: string, listener: (...values: unknown[]) => void): unknown;
  _renewAbortControllerIfNeeded?(): void;
}

export interface OpossumBucket {
  readonly fires: number;
  failures: number;
}

export interface OpossumOptions extends Record<string, unknown> {
  timeout: number | false;
  resetTimeout: number;
  errorThresholdPercentage: number;
  errorFilter: (...values: unknown[]) => unknown;
}

/** What opossum keeps under symbols of its own. */
type Inner = Record<symbol, unknown>;

function symbolOf(breaker: OpossumBreaker, description: string): symbol | undefined {
  return Object.getOwnPropertySymbols(breaker).find((symbol) => symbol.description === description);
}

/** @returns puts a breaker that is half-open now back there once it has opened: its next call is a trial again */
export function halfOpenAgain(breaker: OpossumBreaker): () => void {
  const inner = breaker as unknown as Inner;
  const state = symbolOf(breaker, 'state');
  const halfOpen = state === undefined ? undefined : inner[state];
  return () => {
    const pending = symbolOf(breaker, 'pending-close');
    const timer = symbolOf(breaker, 'reset-timeout');
    if (state === undefined || pending === undefined || !breaker.opened) return;
    if (timer !== undefined) clearTimeout(inner[timer] as NodeJS.Timeout | undefined);
    inner[state] = halfOpen;
    inner[pending] = true;
    breaker.emit('halfOpen', breaker.options.resetTimeout);
  };
}

/** The application's class, passed in: the agent has no opossum of its own. */
export type OpossumClass = abstract new (...args: never[]) => object;

/** The window is over what opens it, as opossum reckons after a failure: more than the percentage, and enough calls. */
export function isOverThreshold(breaker: OpossumBreaker): boolean {
  let fires = 0;
  let failures = 0;
  for (const bucket of breaker.status.window) {
    fires += bucket.fires;
    failures += bucket.failures;
  }
  return fires >= breaker.volumeThreshold && (failures / fires) * 100 > breaker.options.errorThresholdPercentage;
}

/**
 * opossum knows its own errors by a symbol that it keeps to itself (`isOurError`): one of them is looked at. It comes with a breaker
 * that was shut down, which emits nothing.
 */
export async function markOfErrors(breaker: OpossumBreaker, call: OpossumBreaker['call']): Promise<symbol | undefined> {
  const shutDown = Object.create(breaker, { isShutdown: { value: true } }) as OpossumBreaker;
  const error = await call.call(shutDown, undefined).catch((reason: unknown) => reason);
  return Object.getOwnPropertySymbols(error as object).find((symbol) => symbol.description === 'our-error');
}
