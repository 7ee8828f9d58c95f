import type http from 'node:http';
import type net from 'node:net';
import type { Decision } from '../decision-table.ts';
import type { Place } from '../sidecar-probe.ts';
import type { HeaderReader } from '../sticky.ts';
import { traceHeadersFor } from '../trace-context.ts';
import type { Balancer, Instance } from '../views/balancer.ts';
import { EgressAgent } from './egress-agent.ts';
import type { ConnectionSeam, MovedCall } from './replayable-connection.ts';

export type InstanceDecision = Extract<Decision, { readonly kind: 'instance' }>;

/** Moves one request to the instance that was picked; undefined where nobody was. */
export type InstanceMover = (
  agent: http.Agent,
  request: http.ClientRequest,
  options: http.RequestOptions,
  decision: InstanceDecision,
) => http.Agent | undefined;

/** Instances may be in another zone; one that takes longer than this to connect to is as good as none. */
const CONNECT_WITHIN_MS = 1_000;

/** In the options of a request, which Node's agents copy to those of its connection. */
const PICKED = Symbol('isthmus.picked');

interface WithPick {
  [PICKED]?: { readonly instance: Instance; readonly balancer: Balancer };
}

/**
 * At `discovery`: the request goes to the instance that the agent picked, on connections to that instance. One that cannot be
 * connected to is left alone for a while, and the call goes where the SDK sent it: nothing of it had left. Host is what it would be had
 * the SDK picked that instance; one that the application set itself stays, and so does the service's own name.
 * @param calls where connections look up what belongs to a request
 */
export function instanceMover(
  connect: (place: Place) => net.Socket,
  calls: WeakMap<object, MovedCall>,
  readRequest: HeaderReader,
): InstanceMover {
  const agents = new WeakMap<http.Agent, EgressAgent>();
  const seamOf = (options: http.ClientRequestArgs & WithPick): ConnectionSeam => {
    const picked = options[PICKED];
    return {
      egress: { host: options.host ?? '', port: Number(options.port) },
      connectWithinMs: CONNECT_WITHIN_MS,
      onlyUnsent: true,
      connect,
      callOf: (request) => calls.get(request),
      failed: (outcome) => picked?.balancer.failed(picked.instance, outcome),
    };
  };
  return (agent, request, options, { authority, balancer, counts }) => {
    const instance = balancer.pick();
    const { host } = options;
    const port = Number(options.port ?? 80);
    if (instance === undefined || typeof host !== 'string') return undefined;
    const beside = agents.get(agent) ?? new EgressAgent(seamOf, agent);
    agents.set(agent, beside);
    const isByName = `${host}:${port}` === authority;
    calls.set(request, {
      authority: hostFor(readRequest(request, 'host'), host, port, isByName, instance),
      method: request.method,
      // A service that was called by its name has no instance that an SDK picked.
      instance: isByName ? laterPick(balancer, { host, port }) : { host, port },
      more: traceHeadersFor(readRequest, request),
      ...(counts === undefined ? {} : { counts }),
    });
    if (balancer.algorithm === 'least-outstanding') countUnderWay(request, instance);
    Object.assign(options, { host: instance.host, port: instance.port, [PICKED]: { instance, balancer } });
    return beside;
  };
}

function hostFor(written: string | undefined, host: string, port: number, isByName: boolean, instance: Instance): string {
  const bracketed = host.includes(':') ? `[${host}]` : host;
  const isItsAddress = written === undefined || written === `${bracketed}:${port}` || (port === 80 && written === bracketed);
  if (isByName) return written ?? `${bracketed}:${port}`;
  return isItsAddress ? instance.authority : written;
}

function laterPick(balancer: Balancer, otherwise: Place): Place {
  let later: Place | undefined;
  const place = (): Place => (later ??= balancer.pick() ?? otherwise);
  return {
    get host() {
      return place().host;
    },
    get port() {
      return place().port;
    },
  };
}

function countUnderWay(request: http.ClientRequest, instance: Instance): void {
  instance.outstanding += 1;
  request.once('close', () => (instance.outstanding -= 1));
}
