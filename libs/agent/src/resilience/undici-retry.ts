import { applicationVersion } from './application-library.ts';
import { ownedCall } from './call-owner.ts';
import type { TargetOption } from './call-owner.ts';
import { isHandedOver } from './placed-call.ts';
import type { PlacedCall } from './placed-call.ts';
import type { TargetCalls } from './target-calls.ts';
import { addPart, tellable } from './resilience-parts.ts';

interface DispatchOptions {
  readonly origin?: string | URL;
  readonly headers?: unknown;
  readonly retryOptions?: object;
  readonly [PLACED]?: { readonly call: PlacedCall; readonly calls: TargetCalls };
}

type Dispatch = (options: DispatchOptions, handler: unknown) => boolean;

interface Dispatcher {
  dispatch: Dispatch;
}

export type RetryAgentClass = new (dispatcher: never, options?: never) => object;

/** undici copies the options of a dispatch for its retries, this among them: they come from events of a socket, outside of the call. */
const PLACED = Symbol.for('isthmus.agent.placed');
/** In place of undici's own, which also sees a `retry` function of the application. */
const never = (error: unknown, _context: unknown, done: (error: unknown) => void): void => done(error);

/**
 * `RetryAgent` of the application's undici (6 to 8): where the sidecar owns the retries of a call it makes none, and an answer that it
 * would have repeated is still the error that the application knows. The target is the origin's.
 */
export function wrapRetryAgent<Class extends RetryAgentClass>(retryAgent: Class): Class {
  return new Proxy(retryAgent, {
    construct(target, args: unknown[], newTarget) {
      const [dispatcher, options = {}] = args as [Dispatcher, Readonly<Record<string, unknown>> | undefined];
      const inner = pinnedDispatcher(dispatcher);
      const retrying = Reflect.construct(target, [inner, options], newTarget) as Dispatcher;
      const once = Reflect.construct(target, [inner, { ...options, maxRetries: 0, retry: never }], newTarget) as Dispatcher;
      const dispatch = retrying.dispatch.bind(retrying) as Dispatch;
      Object.defineProperty(retrying, 'dispatch', {
        value: (request: DispatchOptions, handler: unknown): boolean => {
          const owned = ownedByOrigin(request);
          if (owned === undefined) return dispatch(request, handler);
          const placed = { ...request, [PLACED]: owned };
          return isHandedOver(owned.call, 'retry') ? once.dispatch(placed, handler) : dispatch(placed, handler);
        },
        configurable: true,
        writable: true,
      });
      tell(retrying, 'RetryAgent', options);
      return retrying;
    },
  });
}

/**
 * For a dispatcher with undici's `interceptors.retry`: `agent.compose(interceptors.retry(options), retryOwner(options))`, the last one, so
 * that it comes before the other.
 */
export function retryOwner(options: Readonly<Record<string, unknown>> = {}): (dispatch: Dispatch) => Dispatch {
  return (dispatch) => {
    const owned: Dispatch = (request, handler) => {
      const placed = ownedByOrigin(request);
      if (placed === undefined || !isHandedOver(placed.call, 'retry')) return dispatch(request, handler);
      return dispatch({ ...request, retryOptions: { ...request.retryOptions, maxRetries: 0, retry: never } }, handler);
    };
    tell(owned, 'interceptors.retry', options);
    return owned;
  };
}

function tell(owner: object, name: string, options: Readonly<Record<string, unknown>>): void {
  const told = { maxRetries: 5, ...tellable(options) };
  const policies = () => [
    { library: 'undici', version: applicationVersion('undici'), name, policy: 'retry' as const, options: told },
  ];
  addPart(owner, { target: undefined, policies });
}

function ownedByOrigin({ origin, headers }: DispatchOptions): ReturnType<typeof ownedCall> {
  if (origin === undefined) return undefined;
  const option: TargetOption = { target: typeof origin === 'string' ? origin : origin.origin, headers: () => headers };
  return ownedCall(option, []);
}

/** Each attempt goes the way of its call. Everything else is the dispatcher's own. */
function pinnedDispatcher(dispatcher: Dispatcher): Dispatcher {
  const dispatch: Dispatch = (request, handler) => {
    const placed = request[PLACED];
    if (placed === undefined) return dispatcher.dispatch(request, handler);
    const { result, ended } = placed.calls.within(placed.call, () => dispatcher.dispatch(request, handler));
    ended();
    return result;
  };
  return new Proxy(dispatcher, {
    get(target, name) {
      if (name === 'dispatch') return dispatch;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? (value as () => unknown).bind(target) : value;
    },
  });
}
