import net from 'node:net';
import { notMovable } from '../http/client-seam.ts';
import type { ClientSeam } from '../http/client-seam.ts';
import type { InstanceDecision } from '../http/instance-mover.ts';
import { NOT_ITS_NAME } from '../http/secure-dial.ts';
import { traceHeadersFor } from '../trace-context.ts';
import type { Balancer, Instance } from '../views/balancer.ts';
import { counting } from './counting-handler.ts';
import type { Dispatch, DispatchOptions, PlaceOfOrigin } from './dispatch.ts';
import { headersFor, readDispatched } from './dispatched-headers.ts';
import { falling } from './falling-handler.ts';
import type { Handler } from './falling-handler.ts';
import { whyNotSecurely } from './secure-connector.ts';

/** A dispatcher, its own `dispatch`, and what the agent decides by. */
interface DispatchedBy {
  readonly seam: ClientSeam;
  readonly below: Dispatch;
  readonly dispatcher: object;
}

/**
 * At `discovery`: the call goes to the instance that the agent picked, by undici's own pool of it; undefined where nobody is to be picked.
 * See `instanceMover` for what becomes of Host, and of a call whose instance cannot be connected to.
 */
export function toInstance(
  { seam, below, dispatcher }: DispatchedBy,
  options: DispatchOptions,
  handler: Handler,
  place: PlaceOfOrigin,
  { authority, balancer, counts }: InstanceDecision,
): readonly [DispatchOptions, Handler] | undefined {
  const outer = counts === undefined ? handler : counting(handler, counts);
  const written = readDispatched(options.headers, 'host');
  // undici takes it from the Host of each request, and connects anew where a connection has another one.
  const serverName = place.secure ? serverNameOf(written ?? place.host) : '';
  const why = place.secure ? (whyNot(balancer, serverName) ?? whyNotSecurely(dispatcher)) : undefined;
  if (why !== undefined) {
    const message = `a call to ${authority} stays on the SDK: ${why}`;
    notMovable(seam, `${place.host}:${place.port}`, message, 'leave it so, or call the service as docs/agent-clients.md says');
  }
  const instance = why === undefined ? balancer.pick() : undefined;
  if (instance === undefined) return counts === undefined ? undefined : [options, outer];
  const called = `${place.host}:${place.port}`;
  const isByName = called === authority;
  const isItsAddress = written === undefined || written === called || (place.port === 80 && written === place.host);
  const host = isByName || place.secure ? (written ?? called) : isItsAddress ? instance.authority : written;
  const scheme = place.secure ? 'https' : 'http';
  const there = {
    ...options,
    origin: `${scheme}://${instance.authority}`,
    headers: headersFor(options.headers, host, traceHeadersFor(readDispatched, options.headers)),
  };
  const { body } = options;
  const isWhole = body === undefined || body === null || typeof body === 'string' || Buffer.isBuffer(body);
  const again = (): void => {
    counts?.fellBack();
    const other = isByName ? balancer.pick() : undefined;
    below(other === undefined ? options : { ...there, origin: `${scheme}://${other.authority}` }, outer);
  };
  const failed = (outcome: 'bad' | 'dead', code: string): void => {
    if (code === NOT_ITS_NAME) balancer.refuse(serverName);
    else balancer.failed(instance, outcome);
  };
  const ended = balancer.algorithm === 'least-outstanding' ? { ended: underWay(instance) } : {};
  return [there, falling(outer, { failed, again: isWhole ? again : undefined, mayRepeat: false, ...ended })];
}

/** As undici has it: none for an address. */
function serverNameOf(host: string): string {
  const name = host.replace(/:\d+$/, '').replace(/^\[|\]$/g, ''); // prettier-ignore
  return net.isIP(name) === 0 ? name : '';
}

function whyNot(balancer: Balancer, serverName: string): string | undefined {
  if (serverName === '')
    return 'it is HTTPS to an address, and without the name of a server another instance has no certificate to be known by (Host, or the service’s own name)';
  return balancer.refuses(serverName) ? `another instance has no certificate for ${serverName}` : undefined;
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
