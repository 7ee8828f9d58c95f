import type { MeshRefusal } from './mesh-refusal.ts';
import { applicationVersion } from './application-library.ts';
import { HungFailures } from './hung-failures.ts';
import { discard, meshRefusal } from './mesh-refusal.ts';
import { deadlineFor, ownedCall } from './call-owner.ts';
import type { OwnedCall, TargetOption } from './call-owner.ts';
import { isOverThreshold, markOfErrors } from './opossum-shape.ts';
import type { OpossumBreaker, OpossumClass } from './opossum-shape.ts';
import { isHandedOver } from './placed-call.ts';
import { addPart, tellable } from './resilience-parts.ts';

const WRAPPED = Symbol.for('isthmus.agent.opossum');
/** Errors that were made of an answer of the sidecar. */
const FROM_MESH = Symbol.for('isthmus.agent.from-mesh');
const EVENT_OF: Readonly<Record<string, string>> = {
  EOPENBREAKER: 'reject',
  ESEMLOCKED: 'semaphoreLocked',
  ETIMEDOUT: 'timeout',
};

/**
 * Lets a breaker of the application's opossum (8.5 to 10) hand over what a plan says. Nothing else about it changes: it is the same
 * object with the same events, options, fallback, cache and statistics.
 * @returns the breaker
 */
export function wrapBreaker<Breaker extends object>(breaker: Breaker, option: TargetOption<never>): Breaker {
  const opossum = breaker as unknown as OpossumBreaker;
  if (!(WRAPPED in breaker)) new ObservedBreaker(opossum, option as TargetOption);
  return breaker;
}

/** The application's class: what it makes is wrapped. @param optionOf of a breaker by what it was made of; undefined leaves it alone */
export function wrapOpossum<Class extends OpossumClass>(
  circuitBreaker: Class,
  optionOf: (options: Readonly<Record<string, unknown>>, action: unknown) => TargetOption<never> | undefined,
): Class {
  return new Proxy(circuitBreaker, {
    construct(target, args: unknown[], newTarget) {
      const breaker = Reflect.construct(target, args, newTarget) as object;
      const option = optionOf((args[1] ?? {}) as Record<string, unknown>, args[0]);
      return option === undefined ? breaker : wrapBreaker(breaker, option);
    },
  });
}

class ObservedBreaker {
  readonly #breaker: OpossumBreaker;
  readonly #option: TargetOption;
  readonly #call: OpossumBreaker['call'];
  readonly #observer: OpossumBreaker;
  readonly #hung: HungFailures;
  #mark: symbol | undefined;
  /** When it would have opened for calls of which the sidecar's breaker is the owner; undefined while it would be closed. */
  #wouldBeOpenSince: number | undefined;
  #observing = false;
  #rejected = 0;

  constructor(breaker: OpossumBreaker, option: TargetOption) {
    this.#breaker = breaker;
    this.#option = option;
    this.#call = breaker.call;
    this.#observer = this.#observerOf(breaker);
    this.#hung = new HungFailures(breaker);
    void markOfErrors(breaker, this.#call).then((mark) => (this.#mark = mark));
    breaker.on('reject', (error) => (this.#rejected += isFromMesh(error) ? 0 : 1));
    Object.defineProperty(breaker, WRAPPED, { value: true });
    Object.defineProperty(breaker, 'call', {
      value: (context: unknown, ...args: unknown[]) => this.#called(context, args),
      configurable: true,
      writable: true,
    });
    addPart(breaker, {
      target: typeof option.target === 'string' ? option.target : undefined,
      breaker: () => ({
        name: breaker.name,
        library: 'opossum',
        state: this.#observing ? 'observing' : breaker.opened ? 'open' : breaker.halfOpen ? 'half-open' : 'closed',
        rejected: this.#takeRejected(),
      }),
      policies: () => [
        {
          ...(typeof option.target === 'string' ? { host: option.target } : {}),
          library: 'opossum',
          version: applicationVersion('opossum'),
          name: breaker.name,
          policy: 'circuitBreaking',
          options: { ...tellable(ownOptions(breaker)), volumeThreshold: breaker.volumeThreshold },
        },
      ],
    });
  }

  #called(context: unknown, args: unknown[]): Promise<unknown> {
    const breaker = this.#breaker;
    // Switched off, opossum protects nothing and neither does this.
    const owned = breaker.enabled && !breaker.isShutdown ? ownedCall(this.#option, args) : undefined;
    if (owned === undefined) return this.#own(context, args);
    const { call, calls } = owned;
    if (this.#hung.takeOut(calls.sidecar)) this.#wouldBeOpenSince = undefined;
    return calls.whileRunning(call, () =>
      isHandedOver(call, 'circuitBreaking') ? this.#observed(owned, context, args) : this.#own(context, args, owned),
    );
  }

  /** The process breaks, and maybe the sidecar times out. */
  #own(context: unknown, args: unknown[], owned?: OwnedCall): Promise<unknown> {
    if (this.#observing) this.#takeBack();
    const breaker = this.#breaker;
    if (owned?.call.decision.kind !== 'sidecar') return this.#call.call(breaker, context, ...args);
    // opossum reads both before it returns.
    const { action } = breaker;
    const { timeout } = breaker.options;
    breaker.action = this.#mapped(action, owned);
    breaker.options.timeout = this.#deadline(owned);
    try {
      return this.#hung.begin(owned.calls.sidecar, () => this.#call.call(breaker, context, ...args));
    } finally {
      breaker.action = action;
      breaker.options.timeout = timeout;
    }
  }

  #observed(owned: OwnedCall, context: unknown, args: unknown[]): Promise<unknown> {
    this.#observing = true;
    const observer = this.#observer;
    observer.action = this.#mapped(this.#breaker.action, owned);
    observer.options.timeout = this.#deadline(owned);
    const answer = this.#hung.begin(owned.calls.sidecar, () => this.#call.call(observer, context, ...args));
    // It is renewed when a breaker changes its state, which an observer never does.
    if (this.#breaker.options['autoRenewAbortController'] === true) {
      const renew = (): void => this.#breaker._renewAbortControllerIfNeeded?.();
      answer.then(renew, renew);
    }
    return answer;
  }

  /**
   * The breaker itself, but closed, without capacity and unable to open: fallback, cache, deadline, `errorFilter`, events and statistics
   * are those of the breaker, because it inherits from it and not from its class.
   */
  #observerOf(breaker: OpossumBreaker): OpossumBreaker {
    const options = Object.create(breaker.options, {
      timeout: { value: false, writable: true },
      // A rejection of a breaker's own is not shown to the filter in opossum either.
      errorFilter: {
        value: (error: unknown, ...args: unknown[]) => !isOpen(error) && breaker.options.errorFilter(error, ...args),
      },
    }) as OpossumBreaker['options'];
    return Object.create(breaker, {
      options: { value: options },
      action: { value: breaker.action, writable: true },
      closed: { value: true },
      opened: { value: false },
      halfOpen: { value: false },
      pendingClose: { value: false },
      open: { value: () => undefined }, // asked for after refusals of the sidecar too, which are no failures: see `emit`
      semaphore: { value: { test: () => true, release: () => undefined } },
      emit: {
        value: (event: string, ...values: unknown[]) => {
          if (event === 'success') this.#succeeded();
          if (event !== 'failure') return breaker.emit(event, ...values);
          if (!isFromMesh(values[0])) return this.#failed(values);
          // In the process these have an event of their own, and a rejection is no failure.
          const own = EVENT_OF[(values[0] as { readonly code: string }).code];
          if (own !== undefined) breaker.emit(own, ...values);
          return own === 'reject' || this.#failed(values);
        },
      },
    }) as OpossumBreaker;
  }

  /** What opossum itself does with a failure. One that is half-open since before the hand-over has tried by this call, and opens for it. */
  #failed(values: unknown[]): boolean {
    const breaker = this.#breaker;
    const heard = breaker.emit('failure', ...values);
    const hasTried = breaker.halfOpen && !this.#hung.isHung(values[2]);
    if (!breaker.warmUp && (hasTried || isOverThreshold(breaker))) this.#wouldOpen();
    return heard;
  }

  /** Anew where it would have been half-open and tried by this call: trouble that goes on keeps a breaker open. */
  #wouldOpen(): void {
    const at = performance.now();
    const since = this.#wouldBeOpenSince;
    if (since === undefined || at - since >= this.#breaker.options.resetTimeout) this.#wouldBeOpenSince = at;
  }

  /** What a half-open breaker would have let through and closed for. */
  #succeeded(): void {
    const since = this.#wouldBeOpenSince;
    if (since !== undefined && performance.now() - since >= this.#breaker.options.resetTimeout)
      this.#wouldBeOpenSince = undefined;
  }

  /** The way back is warm: the statistics were kept, and a breaker that would be open is, until it would be half-open. */
  #takeBack(): void {
    this.#observing = false;
    const since = this.#wouldBeOpenSince;
    this.#wouldBeOpenSince = undefined;
    const breaker = this.#breaker;
    // Half-open it is of what was before the hand-over, and no call has succeeded since: that would have closed it.
    const { resetTimeout } = breaker.options;
    const left = since === undefined ? 0 : resetTimeout - (performance.now() - since);
    if (breaker.opened) return;
    if (left <= 0 || !(breaker.halfOpen || isOverThreshold(breaker))) {
      this.#hung.forgetOpening();
      return;
    }
    // Its timer is set within open().
    breaker.options.resetTimeout = left;
    try {
      breaker.open();
    } finally {
      breaker.options.resetTimeout = resetTimeout;
    }
  }

  #deadline({ call }: OwnedCall): number | false {
    const { timeout } = this.#breaker.options;
    return timeout === false || !(timeout > 0) ? timeout : deadlineFor(this.#option, call, timeout);
  }

  /** Answers of the sidecar itself become the errors for which an application has its fallback. */
  #mapped(action: OpossumBreaker['action'], { call }: OwnedCall): OpossumBreaker['action'] {
    const toError = (refusal: MeshRefusal): Error | undefined => {
      const breaks = isHandedOver(call, 'circuitBreaking');
      if (refusal === 'open' && breaks) return this.#error('Breaker is open', 'EOPENBREAKER');
      if (refusal === 'overflow' && breaks) return this.#error('Semaphore locked', 'ESEMLOCKED');
      if (refusal === 'timeout' && isHandedOver(call, 'timeout')) return this.#error('Timed out in the mesh', 'ETIMEDOUT');
      return undefined;
    };
    return function (this: unknown, ...args: unknown[]): unknown {
      const answer = action.apply(this, args);
      if (typeof (answer as PromiseLike<unknown> | undefined)?.then !== 'function') return answer;
      return (answer as Promise<unknown>).then(
        (value) => {
          const refusal = meshRefusal(value);
          const error = refusal === undefined ? undefined : toError(refusal);
          if (error === undefined) return value;
          discard(value);
          throw error;
        },
        (reason: unknown) => {
          const refusal = meshRefusal(reason);
          const error = refusal === undefined ? undefined : toError(refusal);
          throw error === undefined ? reason : Object.assign(error, { cause: reason });
        },
      );
    };
  }

  #error(message: string, code: string): Error {
    const error = Object.assign(new Error(message), { code, [FROM_MESH]: true });
    return this.#mark === undefined ? error : Object.assign(error, { [this.#mark]: true });
  }

  #takeRejected(): number {
    const rejected = this.#rejected;
    this.#rejected = 0;
    return rejected;
  }
}

/** Without the filter that opossum itself puts in where the application has none: it leaves out nothing. */
function ownOptions({ options }: OpossumBreaker): Readonly<Record<string, unknown>> {
  const { errorFilter, ...others } = options;
  return DEFAULT_FILTER.test(String(errorFilter)) ? others : options;
}

const DEFAULT_FILTER = /^\s*\(?_\)?\s*=>\s*false\s*$/;

function isFromMesh(error: unknown): boolean {
  return typeof error === 'object' && error !== null && FROM_MESH in error;
}

function isOpen(error: unknown): boolean {
  return isFromMesh(error) && (error as { code?: string }).code === 'EOPENBREAKER';
}
