import { agentFault, notMovable } from '../http/client-seam.ts';
import type { ClientSeam } from '../http/client-seam.ts';
import { isIdempotent } from '../http/request-head.ts';
import { traceHeadersFor } from '../trace-context.ts';
import { counting } from './counting-handler.ts';
import type { Dispatch, DispatchOptions, PlaceOfOrigin } from './dispatch.ts';
import { headersFor, readDispatched } from './dispatched-headers.ts';
import { falling } from './falling-handler.ts';
import type { Handler } from './falling-handler.ts';
import { toInstance } from './dispatch-to-instance.ts';

/**
 * Dispatches a call by `below`, to where the plan wants it. A fault of the agent leaves it as it was.
 * @param dispatcher whose `dispatch` `below` is; without it calls by HTTPS go to no other instance
 */
export function dispatchBy(
  seam: ClientSeam,
  below: Dispatch,
  options: DispatchOptions,
  handler: Handler,
  dispatcher: object = {},
): boolean {
  let way: readonly [DispatchOptions, Handler] | undefined;
  try {
    way = otherWay(seam, below, options, handler, dispatcher);
  } catch (error) {
    agentFault(seam, 'undici', error);
  }
  return way === undefined ? below(options, handler) : below(...way);
}

function otherWay(
  seam: ClientSeam,
  below: Dispatch,
  options: DispatchOptions,
  handler: Handler,
  dispatcher: object,
): readonly [DispatchOptions, Handler] | undefined {
  const { origin } = options;
  if (origin === undefined || options.upgrade || options.method === 'CONNECT') return undefined;
  const place = placeOf(origin);
  if (place === undefined) return undefined;
  const decision = seam.decide(place.host, place.port, readDispatched, options.headers);
  const { counts } = decision;
  if (decision.kind === 'sdk') return counts === undefined ? undefined : [options, counting(handler, counts)];
  if (decision.kind === 'instance') return toInstance({ seam, below, dispatcher }, options, handler, place, decision);
  if (place.secure && decision.originatesTls !== true) {
    const message = `a call to ${decision.authority} stays on the SDK: it is HTTPS, and the plan does not say that the sidecar originates TLS (originatesTls)`;
    const remedy = 'leave it so, or call the service as docs/agent-clients.md says';
    notMovable(seam, `${place.host}:${place.port}`, message, remedy);
    return undefined;
  }
  const outer = counts === undefined ? handler : counting(handler, counts);
  const more = [...traceHeadersFor(readDispatched, options.headers), ...(decision.marks ?? [])];
  const headers = headersFor(options.headers, decision.authority, more);
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
        below(options, outer);
      }
    : undefined;
  return [there, falling(outer, { failed: seam.failed, again, mayRepeat: isIdempotent(options.method) })];
}

/** Origins that were seen: parsing one costs more than all the rest. */
const places = new Map<string, PlaceOfOrigin | undefined>();
const MOST_PLACES = 4_096;

/** @returns undefined for what is not HTTP */
function placeOf(origin: string | URL): PlaceOfOrigin | undefined {
  const text = typeof origin === 'string' ? origin : origin.origin;
  const seen = places.get(text);
  if (seen !== undefined || places.has(text)) return seen;
  if (places.size >= MOST_PLACES) places.clear();
  const { protocol, hostname, port } = new URL(text);
  const secure = protocol === 'https:';
  const place =
    secure || protocol === 'http:'
      ? { host: hostname.replace(/^\[|\]$/g, ''), port: port === '' ? (secure ? 443 : 80) : Number(port), secure }
      : undefined;
  places.set(text, place);
  return place;
}
