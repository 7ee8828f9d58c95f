import type { ServerHttp2Session } from 'node:http2';
import { TLSSocket } from 'node:tls';
import { identityOf } from '../peer.ts';
import type { Peer } from '../resource-provider.ts';

/** The other end of a connection. Only a certificate that the server's own CA has signed proves anything. */
export function sessionPeer({ socket }: ServerHttp2Session): Peer {
  const address = `${socket.remoteAddress ?? ''}:${socket.remotePort ?? ''}`;
  if (!(socket instanceof TLSSocket) || !socket.authorized) return { address, identity: undefined };
  const certificate = socket.getPeerCertificate();
  return { address, identity: certificate.raw === undefined ? undefined : identityOf(certificate) };
}
