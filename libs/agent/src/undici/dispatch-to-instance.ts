import type { InstanceDecision } from '../http/instance-mover.ts';
import { traceHeadersFor } from '../trace-context.ts';
import type { Instance } from '../views/balancer.ts';
import { counting } from './counting-handler.ts';
import type { Dispatch, DispatchOptions, PlaceOfOrigin } from './dispatch.ts';
import { headersFor, readDispatched } from './dispatched-headers.ts';
import { falling } from './falling-handler.ts';
import type { Handler } from './falling-handler.ts';

/**
 * At `discovery`: the call goes to the instance that the agent picked, by undici's own pool of it; undefined where nobody is to be picked.
 * See `instanceMover` for what becomes of Host, and of a call whose instance cannot be connected to.
 */
export function toInstance(
  below: Dispatch,
  options: DispatchOptions,
  handler: Handler,
  place: PlaceOfOrigin,
  { authority, balancer, counts }: InstanceDecision,
): readonly [DispatchOptions, Handler] | undefined {
  const outer = counts === undefined ? handler : counting(handler, counts);
  const instance = balancer.pick();
  if (instance === undefined) return counts === undefined ? undefined : [options, outer];
  const called = `${place.host}:${place.port}`;
  const isByName = called === authority;
  const written = readDispatched(options.headers, 'host');
  const isItsAddress = written === undefined || written === called || (place.port === 80 && written === place.host);
  const host = isByName ? (written ?? called) : isItsAddress ? instance.authority : written;
  const there = {
    ...options,
    origin: `http://${instance.authority}`,
    headers: headersFor(options.headers, host, traceHeadersFor(readDispatched, options.headers)),
  };
  const { body } = options;
  const isWhole = body === undefined || body === null || typeof body === 'string' || Buffer.isBuffer(body);
  const again = (): void => {
    counts?.fellBack();
    const other = isByName ? balancer.pick() : undefined;
    below(other === undefined ? options : { ...there, origin: `http://${other.authority}` }, outer);
  };
  const failed = (outcome: 'bad' | 'dead'): void => balancer.failed(instance, outcome);
  const ended = balancer.algorithm === 'least-outstanding' ? { ended: underWay(instance) } : {};
  return [there, falling(outer, { failed, again: isWhole ? again : undefined, mayRepeat: false, ...ended })];
}

/** @returns to be called when it is over, once or more often */
function underWay(instance: Instance): () => void {
  let isOver = false;
  instance.outstanding += 1;
  return () => {
    if (!isOver) instance.outstanding -= 1;
    isOver = true;
  };
}
