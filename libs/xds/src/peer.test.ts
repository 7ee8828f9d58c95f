import { describe, expect, test } from '@jest/globals';
import type { PeerCertificate } from 'node:tls';
import { hostOf, peerOf } from './peer.ts';

const call = (certificate?: Partial<PeerCertificate>) => ({
  getPeer: () => '10.0.0.7:41234',
  getAuthContext: () => (certificate === undefined ? {} : { sslPeerCertificate: certificate as PeerCertificate }),
});

describe('a peer', () => {
  test('is its address, without an identity as long as it has not proven one', () => {
    expect(peerOf(call())).toEqual({ address: '10.0.0.7:41234', identity: undefined });
  });

  test('is who its certificate says: the SPIFFE id among other names', () => {
    const subjectaltname = 'DNS:web.shop.svc, URI:spiffe://cluster.local/ns/shop/sa/web, IP Address:10.0.0.7';
    expect(peerOf(call({ subjectaltname, subject: { CN: 'web' } as never, fingerprint256: 'AB:CD' })).identity).toEqual({
      uris: ['spiffe://cluster.local/ns/shop/sa/web'],
      dnsNames: ['web.shop.svc'],
      commonName: 'web',
      fingerprint: 'AB:CD',
    });
  });

  test('has a host without its port, IPv6 too', () => {
    expect([hostOf('10.0.0.7:1'), hostOf('::1:1')]).toEqual(['10.0.0.7', '::1']);
  });
});
