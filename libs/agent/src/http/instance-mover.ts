import type http from 'node:http';
import type net from 'node:net';
import type { Decision } from '../decision-table.ts';
import type { Place } from '../sidecar-probe.ts';
import type { HeaderReader } from '../sticky.ts';
import { traceHeadersFor } from '../trace-context.ts';
import type { Balancer, Instance } from '../views/balancer.ts';
import { EgressAgent, SecureEgressAgent } from './egress-agent.ts';
import type { ConnectionSeam, MovedCall } from './replayable-connection.ts';
import { NOT_ITS_NAME, dialAsSdk, dialInstance } from './secure-dial.ts';

export type InstanceDecision = Extract<Decision, { readonly kind: 'instance' }>;

/** Moves one request to the instance that was picked; undefined where nobody was. */
export type InstanceMover = (
  agent: http.Agent,
  request: http.ClientRequest,
  options: http.RequestOptions,
  decision: InstanceDecision,
  /** By HTTPS: the name that the instance's certificate has to have. */
  serverName?: string,
) => http.Agent | undefined;

/** Instances may be in another zone; one that takes longer than this to connect to is as good as none. */
const CONNECT_WITHIN_MS = 1_000;
/** A handshake of TLS is two more turns of the way, and a signature. */
const SECURE_WITHIN_MS = 2_000;

/** In the options of a request, which Node's agents copy to those of its connection. */
const PICKED = Symbol('isthmus.picked');

interface WithPick {
  [PICKED]?: {
    readonly instance: Instance;
    readonly balancer: Balancer;
    readonly agent: http.Agent;
    readonly serverName: string | undefined;
  };
}

/**
 * At `discovery`: the request goes to the instance that the agent picked, on connections to that instance. One that cannot be
 * connected to is left alone for a while, and the call goes where the SDK sent it: nothing of it had left. Host is what it would be had
 * the SDK picked that instance; one that the application set itself stays, and so does the service's own name. By HTTPS Host and the
 * name that the certificate is checked by stay what they were, whichever instance is dialled.
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
    const { agent, serverName } = picked ?? {};
    return {
      egress: { host: options.host ?? '', port: Number(options.port) },
      connectWithinMs: serverName === undefined ? CONNECT_WITHIN_MS : SECURE_WITHIN_MS,
      onlyUnsent: true,
      connect:
        agent === undefined || serverName === undefined ? connect : (place) => dialInstance(agent, options, serverName, place),
      callOf: (request) => calls.get(request),
      failed: (outcome, code) => {
        if (code === NOT_ITS_NAME && serverName !== undefined) picked?.balancer.refuse(serverName);
        else picked?.balancer.failed(picked.instance, outcome);
      },
    };
  };
  return (agent, request, options, { authority, balancer, counts }, serverName) => {
    const instance = balancer.pick();
    const { host } = options;
    const secure = serverName !== undefined;
    const port = Number(options.port ?? (secure ? 443 : 80));
    if (instance === undefined || typeof host !== 'string') return undefined;
    const beside = agents.get(agent) ?? new (secure ? SecureEgressAgent : EgressAgent)(seamOf, agent);
    agents.set(agent, beside);
    const isByName = `${host}:${port}` === authority;
    // A service that was called by its name has no instance that an SDK picked.
    const otherwise = isByName ? laterPick(balancer, { host, port }) : { host, port };
    calls.set(request, {
      authority: hostFor(readRequest(request, 'host'), host, port, isByName || secure, instance),
      method: request.method,
      instance: otherwise,
      ...(secure ? { dial: wayBack(agent, request, options, serverName, otherwise) } : {}),
      more: traceHeadersFor(readRequest, request),
      ...(counts === undefined ? {} : { counts }),
    });
    if (balancer.algorithm === 'least-outstanding') countUnderWay(request, instance);
    Object.assign(options, {
      host: instance.host,
      port: instance.port,
      ...(secure ? { servername: serverName } : {}),
      [PICKED]: { instance, balancer, agent, serverName },
    });
    return beside;
  };
}

function hostFor(written: string | undefined, host: string, port: number, keeps: boolean, instance: Instance): string {
  const bracketed = host.includes(':') ? `[${host}]` : host;
  const isItsAddress = written === undefined || written === `${bracketed}:${port}` || (port === 80 && written === bracketed);
  if (keeps) return written ?? `${bracketed}:${port}`;
  return isItsAddress ? instance.authority : written;
}

/** To where the SDK sent it, or where nobody did to another pick; by TLS, with the name that it had. */
function wayBack(
  agent: http.Agent,
  request: http.ClientRequest,
  options: http.RequestOptions,
  serverName: string,
  otherwise: Place,
): () => net.Socket {
  const asWritten = { ...options };
  return () =>
    otherwise.host === asWritten.host
      ? dialAsSdk(agent, request, asWritten)
      : dialInstance(agent, asWritten, serverName, otherwise);
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
