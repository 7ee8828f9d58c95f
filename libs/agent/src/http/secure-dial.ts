import type http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import type { Place } from '../sidecar-probe.ts';

/** Of an error: whose certificate it is, it is not that of this name. */
export const NOT_ITS_NAME = 'ERR_TLS_CERT_ALTNAME_INVALID';

interface HttpsAgent {
  createConnection(options: object): net.Socket;
  readonly options?: https.RequestOptions & { readonly socket?: unknown };
}

/** @returns by whom TLS is spoken, `''` where it is an address: as Node's agent has it, whose own options win, and else the name of the Host header */
export function serverNameOf(agent: http.Agent, request: http.ClientRequest, options: https.RequestOptions): string {
  const { servername } = { ...options, ...(agent as unknown as HttpsAgent).options };
  const host = String(request.getHeader('host') ?? options.host ?? '');
  const named = servername ?? host.replace(/:\d+$/, '').replace(/^\[|\]$/g, ''); // prettier-ignore
  return net.isIP(named) === 0 ? named : '';
}

/**
 * Why a call by HTTPS cannot go to another instance than the SDK's: the certificate there has to be checked by the same name, and by the
 * agent that the application gave, with all that it asks for (authorities, pins, `checkServerIdentity`).
 */
export function whyNotElsewhere(agent: http.Agent, serverName: string, options: object): string | undefined {
  if (serverName === '')
    return 'it is HTTPS to an address, and without the name of a server another instance has no certificate to be known by (servername, Host, or the service’s own name)';
  const { createConnection, options: own } = agent as unknown as HttpsAgent;
  const isNodes = createConnection === (https.Agent.prototype as unknown as HttpsAgent).createConnection;
  // agentkeepalive's, which stands on Node's.
  if (!isNodes && !('createSocketErrorCount' in agent)) return 'it is HTTPS, and its agent connects in a way of its own';
  const { socket } = { ...options, ...own } as { readonly socket?: unknown };
  return socket === undefined || socket === null ? undefined : 'it is HTTPS on a connection that the application made';
}

/** To an instance, as the application's agent would have connected; by the same name. */
export function dialInstance(agent: http.Agent, options: object, servername: string, { host, port }: Place): net.Socket {
  const { createConnection, options: own } = agent as unknown as HttpsAgent;
  return createConnection.call(agent, { ...options, ...own, servername, host, port, path: null });
}

/** The way back: as the application's agent would have connected, with its own authorities and name of the server. */
export function dialAsSdk(agent: http.Agent, request: http.ClientRequest, options: https.RequestOptions): net.Socket {
  const { createConnection, options: own } = agent as unknown as HttpsAgent;
  const servername = serverNameOf(agent, request, options);
  // A path would be that of a Unix socket. A session of the agent's cache is not asked for: this is the way back.
  return createConnection.call(agent, { ...options, ...own, servername, path: null });
}
