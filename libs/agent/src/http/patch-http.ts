import http from 'node:http';
import net from 'node:net';
import type { Decision } from '../decision-table.ts';
import type { Diagnostics } from '../diagnostics.ts';
import type { Place } from '../sidecar-probe.ts';
import type { HeaderReader } from '../sticky.ts';
import { traceHeadersFor } from '../trace-context.ts';
import { countRequest } from './count-request.ts';
import { EgressAgent } from './egress-agent.ts';
import type { AgentInternals } from './egress-agent.ts';
import type { ConnectionSeam, MovedCall } from './replayable-connection.ts';

/** What a seam of a client needs of the agent. Each of them may throw: the call then goes where the SDK sent it. */
export interface ClientSeam {
  readonly egress: Place;
  readonly decide: (host: string, port: number, read: HeaderReader, carrier: unknown) => Decision;
  readonly failed: (outcome: 'bad' | 'dead') => void;
  readonly diagnostics: Diagnostics;
}

const readRequest: HeaderReader = (carrier, name) => {
  const value = (carrier as http.ClientRequest).getHeader(name);
  return typeof value === 'string' ? value : undefined;
};

/**
 * Patches `http.Agent.prototype.addRequest`, which every HTTP/1 call with an agent passes: `http.request` and `get`, axios, got,
 * node-fetch, agentkeepalive. Not: http2, `createConnection` without an agent, HTTPS, upgrades, calls by a proxy or a Unix socket.
 * @returns undoes it
 */
export function patchHttp(seam: ClientSeam, connect: (place: Place) => net.Socket = connectTo): () => void {
  const prototype = http.Agent.prototype as unknown as AgentInternals;
  const { addRequest } = prototype;
  const calls = new WeakMap<object, MovedCall>();
  const egressAgents = new WeakMap<http.Agent, EgressAgent>();
  const failed = (outcome: 'bad' | 'dead'): void => {
    try {
      seam.failed(outcome);
    } catch (error) {
      fault(seam.diagnostics, error);
    }
  };
  const connections: ConnectionSeam = { egress: seam.egress, connect, callOf: (request) => calls.get(request), failed };

  const move = (agent: http.Agent, request: http.ClientRequest, options: http.RequestOptions): EgressAgent | undefined => {
    if (agent instanceof EgressAgent || typeof options !== 'object' || typeof options.host !== 'string') return undefined;
    const port = Number(options.port ?? 80);
    const decision = seam.decide(options.host, port, readRequest, request);
    if (decision.kind === 'sdk') {
      if (decision.counts !== undefined) countRequest(request, decision.counts);
      return undefined;
    }
    const why = whyNot(agent, request, options);
    if (why !== undefined) {
      report(seam.diagnostics, `${options.host}:${port}`, `a call to ${decision.authority} stays on the SDK: ${why}`);
      return undefined;
    }
    if (decision.counts !== undefined) countRequest(request, decision.counts);
    const beside = egressAgents.get(agent) ?? new EgressAgent(connections, agent);
    egressAgents.set(agent, beside);
    const instance = { host: options.host, port };
    calls.set(request, {
      authority: decision.authority,
      method: request.method,
      instance,
      more: traceHeadersFor(readRequest, request),
      ...(decision.counts === undefined ? {} : { counts: decision.counts }),
    });
    return beside;
  };

  const patched = function (
    this: http.Agent,
    request: http.ClientRequest,
    options: http.RequestOptions,
    ...more: unknown[]
  ): void {
    let beside: EgressAgent | undefined;
    try {
      beside = move(this, request, options);
    } catch (error) {
      fault(seam.diagnostics, error);
    }
    addRequest.call(beside ?? this, request, options, ...more);
  };
  prototype.addRequest = patched;
  return () => {
    if (prototype.addRequest === patched) prototype.addRequest = addRequest;
  };
}

function fault(diagnostics: Diagnostics, error: unknown): void {
  const message = `a call was left to the SDK: ${(error as Error).message}`;
  diagnostics.report({ code: 'agent-fault', where: 'http', message, remedy: 'report it to the maintainers of the agent' });
}

function connectTo({ host, port }: Place): net.Socket {
  return net.connect({ host, port });
}

function whyNot(agent: http.Agent, request: http.ClientRequest, options: http.RequestOptions): string | undefined {
  if ((agent as unknown as AgentInternals).protocol === 'https:' || options.protocol === 'https:') return 'it is HTTPS';
  if (options.socketPath !== undefined && options.socketPath !== null) return 'it goes to a Unix socket';
  if (request.method === 'CONNECT' || request.hasHeader('upgrade')) return 'it asks for another protocol on its connection';
  if ('proxy' in agent) return 'its agent sends it by a proxy';
  return undefined;
}

function report(diagnostics: Diagnostics, where: string, message: string): void {
  diagnostics.report({
    code: 'not-movable',
    where,
    message,
    remedy: 'leave it so, or call the service in plain HTTP/1 with an agent',
  });
}
