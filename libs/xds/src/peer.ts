import type { ServerDuplexStream } from '@grpc/grpc-js';
import type { Peer, PeerIdentity } from './resource-provider.ts';

type Call = ServerDuplexStream<Buffer, Buffer>;

/** The other end of a call. Only a certificate that the server's own CA has signed proves anything. */
export function peerOf(call: Pick<Call, 'getPeer' | 'getAuthContext'>): Peer {
  return { address: call.getPeer(), identity: identityOf(call.getAuthContext()) };
}

/** `10.0.0.7` of `10.0.0.7:41234`; an IPv6 address as Node writes it, without brackets. */
export function hostOf(address: string): string {
  return address.slice(0, address.lastIndexOf(':'));
}

function identityOf({ sslPeerCertificate: certificate }: ReturnType<Call['getAuthContext']>): PeerIdentity | undefined {
  if (certificate === undefined) return undefined;
  const names = (certificate.subjectaltname ?? '').split(', ');
  const ofKind = (kind: string): string[] =>
    names.filter((name) => name.startsWith(`${kind}:`)).map((name) => name.slice(kind.length + 1));
  const commonName = certificate.subject?.CN;
  return {
    uris: ofKind('URI'),
    dnsNames: ofKind('DNS'),
    commonName: (Array.isArray(commonName) ? commonName[0] : commonName) ?? '',
    fingerprint: certificate.fingerprint256,
  };
}
