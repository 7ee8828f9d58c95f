import type { PeerCertificate } from 'node:tls';
import type { PeerIdentity } from './resource-provider.ts';

/** `10.0.0.7` of `10.0.0.7:41234`; an IPv6 address as Node writes it, without brackets. */
export function hostOf(address: string): string {
  return address.slice(0, address.lastIndexOf(':'));
}

/** @param certificate one that the server's own CA has signed: no other proves anything */
export function identityOf(certificate: PeerCertificate): PeerIdentity {
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
