import http from 'node:http';
import https from 'node:https';
import type net from 'node:net';
import { ReplayableConnection } from './replayable-connection.ts';
import type { ConnectionSeam } from './replayable-connection.ts';

/** What Node's agents have and its types do not say. */
export interface AgentInternals {
  /** The last two are an old form's: Node 16 to 24 take `(request, host, port, localAddress)` too. */
  addRequest(request: http.ClientRequest, options: http.RequestOptions, port?: unknown, localAddress?: unknown): void;
  keepSocketAlive(socket: net.Socket): boolean;
  readonly keepAlive?: boolean;
  readonly keepAliveMsecs?: number;
  readonly protocol?: string;
  readonly options?: http.AgentOptions;
}

/** Of every copy of the package: a call that one has moved is not moved again. */
const EGRESS = Symbol.for('isthmus.agent.egress');

export function isEgressAgent(agent: http.Agent): boolean {
  return (agent as { readonly [EGRESS]?: true })[EGRESS] === true;
}

/**
 * Beside an application's agent: its own pool of connections to the egress, with the limits that the application gave. The pools are by
 * the instance that was picked, as they were, so no call waits for another one that it would not have waited for before.
 */
export class EgressAgent extends http.Agent {
  readonly [EGRESS] = true;
  readonly #seamOf: (options: http.ClientRequestArgs) => ConnectionSeam;

  /** @param seamOf of a connection that a request with these options wants */
  constructor(seamOf: (options: http.ClientRequestArgs) => ConnectionSeam, beside: http.Agent) {
    const { keepAlive, keepAliveMsecs, options } = beside as unknown as AgentInternals;
    super({
      keepAlive: keepAlive ?? false,
      keepAliveMsecs: keepAliveMsecs ?? 1_000,
      maxSockets: beside.maxSockets,
      maxFreeSockets: beside.maxFreeSockets,
      ...(options?.timeout === undefined ? {} : { timeout: options.timeout }),
      ...(options?.scheduling === undefined ? {} : { scheduling: options.scheduling }),
    });
    this.#seamOf = seamOf;
  }

  override createConnection(options: http.ClientRequestArgs): net.Socket {
    return new ReplayableConnection(this.#seamOf(options)) as unknown as net.Socket;
  }

  override keepSocketAlive(socket: net.Socket): boolean {
    if ((socket as unknown as ReplayableConnection).isSpent) return false;
    return (http.Agent.prototype as unknown as AgentInternals).keepSocketAlive.call(this, socket);
  }
}

/** The same for instances that are dialled by TLS: connections are apart by all that TLS was asked for, as those of Node's own agent. */
export class SecureEgressAgent extends EgressAgent {
  override getName(options: https.RequestOptions = {}): string {
    return https.Agent.prototype.getName.call(this, options);
  }
}
