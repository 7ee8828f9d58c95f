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
 * undici's `interceptors.retry` with an owner: `agent.compose(ownedRetry(interceptors.retry, options))`.
 * @returns what `compose` takes, the innermost first
 */
export function ownedRetry(
  retry: (options: never) => unknown,
  options: Readonly<Record<string, unknown>> = {},
): readonly ((dispatch: Dispatch) => Dispatch)[] {
  const pin = (dispatch: Dispatch): Dispatch => pinned(dispatch);
  const own = (dispatch: Dispatch): Dispatch => {
    const owned: Dispatch = (request, handler) => {
      const placed = ownedByOrigin(request);
      if (placed === undefined) return dispatch(request, handler);
      const none = isHandedOver(placed.call, 'retry') ? { maxRetries: 0, retry: never } : {};
      return dispatch({ ...request, retryOptions: { ...request.retryOptions, ...none }, [PLACED]: placed }, handler);
    };
    tell(owned, 'interceptors.retry', options);
    return owned;
  };
  return [pin, retry(options as never) as (dispatch: Dispatch) => Dispatch, own];
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

/** Each attempt goes the way of its call. */
function pinned(below: Dispatch): Dispatch {
  return (request, handler) => {
    const placed = request[PLACED];
    if (placed === undefined) return below(request, handler);
    const { result, ended } = placed.calls.within(placed.call, () => below(request, handler));
    ended();
    return result;
  };
}

/** Everything but `dispatch` is the dispatcher's own. */
function pinnedDispatcher(dispatcher: Dispatcher): Dispatcher {
  const dispatch = pinned((request, handler) => dispatcher.dispatch(request, handler));
  return new Proxy(dispatcher, {
    get(target, name) {
      if (name === 'dispatch') return dispatch;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? (value as () => unknown).bind(target) : value;
    },
  });
}
