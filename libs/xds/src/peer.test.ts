import { describe, expect, test } from '@jest/globals';
import type { PeerCertificate } from 'node:tls';
import { hostOf, identityOf } from './peer.ts';

describe('a peer', () => {
  test('is who its certificate says: the SPIFFE id among other names', () => {
    const subjectaltname = 'DNS:web.shop.svc, URI:spiffe://cluster.local/ns/shop/sa/web, IP Address:10.0.0.7';
    const certificate = { subjectaltname, subject: { CN: 'web' } as never, fingerprint256: 'AB:CD' };
    expect(identityOf(certificate as unknown as PeerCertificate)).toEqual({
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
