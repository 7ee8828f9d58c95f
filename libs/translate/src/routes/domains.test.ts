import { describe, expect, test } from '@jest/globals';
import { meshService } from '../testing/mesh-service.ts';
import { hostDomains, serviceDomains, withPort } from './domains.ts';

const KUBERNETES = 'shop.svc.cluster.local';

describe('the names that callers may use for a service', () => {
  test.each([
    ['orders.shop.svc.cluster.local', KUBERNETES, ['orders', 'orders.shop.svc', 'orders.shop']],
    ['orders.other.svc.cluster.local', KUBERNETES, ['orders.other', 'orders.other.svc']],
    ['orders.default-group.public.nacos', KUBERNETES, []],
    ['orders.shop.svc.elsewhere', KUBERNETES, []],
    ['foo.local.campus.net', 'local.campus.net', ['foo']],
    ['foo.local.campus.net', 'remote.campus.net', ['foo.local', 'foo.local.campus']],
    ['foo.local.campus.net', 'example.com', []],
    ['foo.local.campus.net', '', []],
  ])('%s from within %s is also %j', (host, dnsDomain, short) => {
    const domains = serviceDomains(meshService({ host }), dnsDomain, undefined);
    expect(domains.all).toEqual([host, `${host}.`, ...short]);
    expect(domains.expanded).toEqual([`${host}.`, ...short]);
  });

  test('come with the port for clients that compare it', () => {
    const service = meshService({ host: 'orders.shop.svc.cluster.local', vip: '10.96.0.7' });
    expect(serviceDomains(service, 'other.svc.cluster.local', 80).all).toEqual([
      'orders.shop.svc.cluster.local',
      'orders.shop.svc.cluster.local:80',
      'orders.shop.svc.cluster.local.',
      'orders.shop.svc.cluster.local.:80',
      'orders.shop',
      'orders.shop:80',
      'orders.shop.svc',
      'orders.shop.svc:80',
      '10.96.0.7',
      '10.96.0.7:80',
    ]);
  });

  test('are in brackets for IPv6', () => {
    expect(serviceDomains(meshService({ host: 'a.b', vip: 'fd00::1' }), KUBERNETES, undefined).all).toEqual([
      'a.b',
      'a.b.',
      '[fd00::1]',
    ]);
    expect(hostDomains('fd00::1', 80).all).toEqual(['[fd00::1]', '[fd00::1]:80']);
    expect(withPort('a.b', 80)).toBe('a.b:80');
  });

  test('of a rule’s host without a service are just that', () => {
    expect(hostDomains('alias.example', undefined)).toEqual({ all: ['alias.example'], expanded: [] });
  });
});
