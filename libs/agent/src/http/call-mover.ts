import type http from 'node:http';
import type https from 'node:https';
import net from 'node:net';
import type { Decision } from '../decision-table.ts';
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
import { dialAsSdk, serverNameOf, whyNotElsewhere } from './secure-dial.ts';

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
    const serverName = secure && decision.kind === 'instance' ? serverNameOf(agent, request, options) : undefined;
    const why = whyNot(agent, request, options) ?? (secure ? whyNotSecure(agent, options, decision, serverName) : undefined);
    if (why !== undefined) {
      const message = `a call to ${decision.authority} stays on the SDK: ${why}`;
      notMovable(seam, `${options.host}:${port}`, message, 'leave it so, or call the service as docs/agent-clients.md says');
      return undefined;
    }
    if (decision.counts !== undefined) countRequest(request, decision.counts);
    if (decision.kind === 'instance') return toInstance(agent, request, options, decision, serverName);
    const beside = egressAgents.get(agent) ?? new EgressAgent(() => connections, agent);
    egressAgents.set(agent, beside);
    calls.set(request, {
      authority: decision.authority,
      method: request.method,
      instance: { host: options.host, port },
      ...(secure ? { dial: () => dialAsSdk(agent, request, options) } : {}),
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
  decision: Exclude<Decision, { readonly kind: 'sdk' }>,
  serverName = '',
): string | undefined {
  if (decision.kind === 'instance')
    return decision.balancer.refuses(serverName)
      ? `another instance has no certificate for ${serverName}`
      : whyNotElsewhere(agent, serverName, options);
  if (decision.originatesTls !== true)
    return 'it is HTTPS, and the plan does not say that the sidecar originates TLS (originatesTls)';
  const { options: own = {} } = agent as unknown as { readonly options?: https.AgentOptions };
  if ([options, own].some(({ cert, key, pfx }) => (cert ?? key ?? pfx) !== undefined && (cert ?? key ?? pfx) !== null))
    return 'it has a client certificate of its own, which the sidecar has not got';
  return undefined;
}
