import type { ClientSeam } from '../http/patch-http.ts';
import { isIdempotent } from '../http/request-head.ts';
import { traceHeadersFor } from '../trace-context.ts';
import { counting } from './counting-handler.ts';
import { headersFor, readDispatched } from './dispatched-headers.ts';
import { falling } from './falling-handler.ts';
import type { Handler } from './falling-handler.ts';

export interface DispatchOptions {
  readonly origin?: string | URL;
  readonly path: string;
  readonly method: string;
  readonly headers?: unknown;
  readonly body?: unknown;
  readonly upgrade?: unknown;
}

type Dispatch = (options: DispatchOptions, handler: Handler) => boolean;

interface Dispatcher {
  dispatch: Dispatch;
}

/** Where undici has the dispatcher of those who name none: built in and from npm up to 7, and from npm 8. */
const GLOBALS = ['undici.globalDispatcher.1', 'undici.globalDispatcher.2'].map((name) => Symbol.for(name));
const OURS = Symbol.for('isthmus.agent.dispatcher');

/**
 * Puts itself before the global dispatcher: the built-in `fetch`, and what npm undici does without a dispatcher of its own.
 * @returns undoes it; undefined where there is nothing to patch (Node 16) or it is patched already
 */
export function patchDispatcher(seam: ClientSeam): (() => void) | undefined {
  const global = globalThis as unknown as Record<symbol, (Dispatcher & { readonly [OURS]?: true }) | undefined>;
  // Loads the built-in undici, which sets it; Node 16 has none.
  if ((globalThis as { readonly Headers?: unknown }).Headers === undefined) return undefined;
  const undo = GLOBALS.flatMap((key) => {
    const before = global[key];
    if (before === undefined || before[OURS] === true) return [];
    const patched = patchedDispatcher(seam, before);
    global[key] = patched;
    return () => {
      if (global[key] === patched) global[key] = before;
    };
  });
  return undo.length === 0 ? undefined : () => undo.forEach((one) => one());
}

function patchedDispatcher(seam: ClientSeam, before: Dispatcher): Dispatcher {
  const dispatch = before.dispatch.bind(before) as Dispatch;
  return new Proxy(before, {
    get(target, name) {
      if (name === OURS) return true;
      if (name === 'dispatch') return (options: DispatchOptions, handler: Handler) => moved(seam, dispatch, options, handler);
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? (value as () => unknown).bind(target) : value;
    },
  });
}

function moved(seam: ClientSeam, dispatch: Dispatch, options: DispatchOptions, handler: Handler): boolean {
  let way: readonly [DispatchOptions, Handler] | undefined;
  try {
    way = otherWay(seam, dispatch, options, handler);
  } catch (error) {
    seam.diagnostics.report({
      code: 'agent-fault',
      where: 'undici',
      message: `a call was left to the SDK: ${(error as Error).message}`,
      remedy: 'report it to the maintainers of the agent',
    });
  }
  return way === undefined ? dispatch(options, handler) : dispatch(...way);
}

function otherWay(
  seam: ClientSeam,
  dispatch: Dispatch,
  options: DispatchOptions,
  handler: Handler,
): readonly [DispatchOptions, Handler] | undefined {
  const { origin } = options;
  if (origin === undefined || options.upgrade || options.method === 'CONNECT') return undefined;
  const place = placeOf(origin);
  if (place === undefined) return undefined;
  const decision = seam.decide(place.host, place.port, readDispatched, options.headers);
  const { counts } = decision;
  const outer = counts === undefined ? handler : counting(handler, counts);
  if (decision.kind === 'sdk') return counts === undefined ? undefined : [options, outer];
  const headers = headersFor(options.headers, decision.authority, traceHeadersFor(readDispatched, options.headers));
  const { egress } = seam;
  const there = {
    ...options,
    origin: `http://${egress.host.includes(':') ? `[${egress.host}]` : egress.host}:${egress.port}`,
    headers,
  };
  const isWhole =
    options.body === undefined || options.body === null || typeof options.body === 'string' || Buffer.isBuffer(options.body);
  const again = isWhole
    ? (): void => {
        counts?.fellBack();
        dispatch(options, outer);
      }
    : undefined;
  return [there, falling(outer, { failed: seam.failed, again, mayRepeat: isIdempotent(options.method) })];
}

interface PlaceOfOrigin {
  readonly host: string;
  readonly port: number;
}

/** Origins that were seen: parsing one costs more than all the rest. */
const places = new Map<string, PlaceOfOrigin | undefined>();
const MOST_PLACES = 4_096;

/** @returns undefined for what is not plain HTTP */
function placeOf(origin: string | URL): PlaceOfOrigin | undefined {
  const text = typeof origin === 'string' ? origin : origin.origin;
  const seen = places.get(text);
  if (seen !== undefined || places.has(text)) return seen;
  if (places.size >= MOST_PLACES) places.clear();
  const { protocol, hostname, port } = new URL(text);
  const place =
    protocol === 'http:' ? { host: hostname.replace(/^\[|\]$/g, ''), port: port === '' ? 80 : Number(port) } : undefined;
  places.set(text, place);
  return place;
}
