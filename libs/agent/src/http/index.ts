import http from 'node:http';
import { currentAgent } from '../process-agent.ts';
import { callMover } from './call-mover.ts';
import type { CallMover } from './call-mover.ts';
import type { ClientSeam } from './client-seam.ts';
import type { AgentInternals } from './egress-agent.ts';

/** One mover for each agent of the process: it has the pools. */
const movers = new WeakMap<ClientSeam, CallMover>();
const WRAPPED = Symbol.for('isthmus.agent.wrapped');

function moverOf(seam: ClientSeam): CallMover {
  const mover = movers.get(seam) ?? callMover(seam);
  movers.set(seam, mover);
  return mover;
}

/**
 * Puts one `http.Agent` (or `https.Agent`, agentkeepalive, …) behind the agent of the process, without a patch of Node's: only what is called
 * by it follows the plan. It is for `intercept: false` (`ISTHMUS_INTERCEPT=off`); where everything is intercepted it changes nothing.
 * @returns the same object
 */
export function wrapAgent<A extends http.Agent>(agent: A): A {
  const own = agent as unknown as AgentInternals & { [WRAPPED]?: true };
  if (own[WRAPPED] === true) return agent;
  own[WRAPPED] = true;
  const { addRequest } = own;
  own.addRequest = function (this: http.Agent, request, options, port, localAddress) {
    const seam = currentAgent()?.clients.seam;
    const beside = seam === undefined ? undefined : moverOf(seam)(this, request, options);
    addRequest.call(beside ?? this, request, options, port, localAddress);
  };
  return agent;
}

type Request = typeof http.request;

/**
 * `http.request`, `http.get` or their like of `https` behind the agent of the process, without a patch: what has no agent of its own is
 * called by one like Node's global one, what has `agent: false` by one of its own.
 * @param agent for calls without one: `new http.Agent({ keepAlive: true })` by default; give an `https.Agent` for `https.request`
 */
export function wrapRequest(request: Request, agent: http.Agent = new http.Agent({ keepAlive: true })): Request {
  const shared = wrapAgent(agent);
  const wrapped = (...values: unknown[]): http.ClientRequest => {
    // (url, options?, callback?) or (options, callback?), as Node has it.
    const at = typeof values[0] === 'string' || values[0] instanceof URL ? 1 : 0;
    const given = typeof values[at] === 'object' && values[at] !== null ? (values[at] as http.RequestOptions) : undefined;
    const own = given?.agent instanceof http.Agent ? wrapAgent(given.agent) : shared;
    const options = { ...given, agent: given?.agent === false ? wrapAgent(new http.Agent()) : own };
    values.splice(at, given === undefined ? 0 : 1, options);
    return (request as (...all: unknown[]) => http.ClientRequest)(...values);
  };
  return wrapped as Request;
}
