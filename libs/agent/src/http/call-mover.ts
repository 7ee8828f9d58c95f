import type http from 'node:http';
import type https from 'node:https';
import net from 'node:net';
import { ownSocket } from '../followed-sockets.ts';
import type { Place } from '../sidecar-probe.ts';
import type { HeaderReader } from '../sticky.ts';
import { traceHeadersFor } from '../trace-context.ts';
import { usesProxy } from './agent-proxy.ts';
import { agentFault, notMovable } from './client-seam.ts';
import type { ClientSeam } from './client-seam.ts';
import { countRequest } from './count-request.ts';
import { EgressAgent, isEgressAgent } from './egress-agent.ts';
import type { AgentInternals } from './egress-agent.ts';
import { instanceMover } from './instance-mover.ts';
import type { ConnectionSeam, MovedCall } from './replayable-connection.ts';

/** The agent that is to have a request instead of its own; undefined where it stays. Never throws. */
export type CallMover = (agent: http.Agent, request: http.ClientRequest, options: http.RequestOptions) => http.Agent | undefined;

const readRequest: HeaderReader = (carrier, name) => {
  const value = (carrier as http.ClientRequest).getHeader(name);
  return typeof value === 'string' ? value : undefined;
};

/** @param connect how the egress, and instead of it an instance in plain HTTP, is reached */
export function callMover(seam: ClientSeam, connect: (place: Place) => net.Socket = connectTo): CallMover {
  const calls = new WeakMap<object, MovedCall>();
  const egressAgents = new WeakMap<http.Agent, EgressAgent>();
  const failed = (outcome: 'bad' | 'dead'): void => {
    try {
      seam.failed(outcome);
    } catch (error) {
      agentFault(seam, 'http', error);
    }
  };
  const connections: ConnectionSeam = { egress: seam.egress, connect, callOf: (request) => calls.get(request), failed };
  const toInstance = instanceMover(connect, calls, readRequest);

  const move: CallMover = (agent, request, options) => {
    if (isEgressAgent(agent) || typeof options !== 'object' || typeof options.host !== 'string') return undefined;
    const secure = isHttps(agent, options);
    const port = Number(options.port ?? (secure ? 443 : 80));
    const decision = seam.decide(options.host, port, readRequest, request);
    if (decision.kind === 'sdk') {
      if (decision.counts !== undefined) countRequest(request, decision.counts);
      return undefined;
    }
    const originatesTls = decision.kind === 'sidecar' && decision.originatesTls;
    const why =
      whyNot(agent, request, options) ?? (secure ? whyNotSecure(agent, options, decision.kind, originatesTls) : undefined);
    if (why !== undefined) {
      const message = `a call to ${decision.authority} stays on the SDK: ${why}`;
      notMovable(seam, `${options.host}:${port}`, message, 'leave it so, or call the service as docs/agent-clients.md says');
      return undefined;
    }
    if (decision.counts !== undefined) countRequest(request, decision.counts);
    if (decision.kind === 'instance') return toInstance(agent, request, options, decision);
    const beside = egressAgents.get(agent) ?? new EgressAgent(() => connections, agent);
    egressAgents.set(agent, beside);
    calls.set(request, {
      authority: decision.authority,
      method: request.method,
      instance: { host: options.host, port },
      ...(secure ? { dial: () => dialSecurely(agent as https.Agent, request, options) } : {}),
      more: [...traceHeadersFor(readRequest, request), ...(decision.marks ?? [])],
      ...(decision.counts === undefined ? {} : { counts: decision.counts }),
    });
    return beside;
  };
  return (agent, request, options) => {
    try {
      return move(agent, request, options);
    } catch (error) {
      agentFault(seam, 'http', error);
      return undefined;
    }
  };
}

function connectTo({ host, port }: Place): net.Socket {
  return ownSocket(net.connect({ host, port }));
}

function isHttps(agent: http.Agent, options: http.RequestOptions): boolean {
  return (agent as unknown as AgentInternals).protocol === 'https:' || options.protocol === 'https:';
}

function whyNot(agent: http.Agent, request: http.ClientRequest, options: http.RequestOptions): string | undefined {
  if (options.socketPath !== undefined && options.socketPath !== null) return 'it goes to a Unix socket';
  if (request.method === 'CONNECT' || request.hasHeader('upgrade')) return 'it asks for another protocol on its connection';
  if (usesProxy(agent, options.host ?? '', Number(options.port ?? 80))) return 'its agent sends it by a proxy';
  return undefined;
}

function whyNotSecure(
  agent: http.Agent,
  options: https.RequestOptions,
  to: 'instance' | 'sidecar',
  originatesTls = false,
): string | undefined {
  if (to === 'instance') return 'it is HTTPS, and another instance may have another certificate';
  if (!originatesTls) return 'it is HTTPS, and the plan does not say that the sidecar originates TLS (originatesTls)';
  const { options: own = {} } = agent as unknown as { readonly options?: https.AgentOptions };
  if ([options, own].some(({ cert, key, pfx }) => (cert ?? key ?? pfx) !== undefined && (cert ?? key ?? pfx) !== null))
    return 'it has a client certificate of its own, which the sidecar has not got';
  return undefined;
}

/** The way back: as the application's agent would have connected, with its own authorities and name of the server. */
function dialSecurely(agent: https.Agent, request: http.ClientRequest, options: https.RequestOptions): net.Socket {
  const { createConnection, options: own } = agent as unknown as {
    createConnection(options: object): net.Socket;
    readonly options: object;
  };
  // As Node's agent does it: its own options win, and the name is that of the Host header.
  const merged: https.RequestOptions = { ...options, ...own };
  const named = String(request.getHeader('host') ?? options.host ?? '').replace(/:\d+$/, '').replace(/^\[|\]$/g, ''); // prettier-ignore
  const servername = merged.servername ?? (net.isIP(named) === 0 ? named : '');
  // A path would be that of a Unix socket. A session of the agent's cache is not asked for: this is the way back.
  return createConnection.call(agent, { ...merged, servername, path: null });
}
