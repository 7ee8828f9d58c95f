import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { meshHostName } from './mesh-host-name.ts';

describe('a mesh host name', () => {
  test.each([
    [['orders', 'DEFAULT_GROUP', 'public'], 'nacos', 'orders.default-group.public.nacos'],
    [['inventory', 'dc1'], 'consul', 'inventory.dc1.consul'],
    [['PAYMENTS'], 'eureka', 'payments.eureka'],
    [['providers:com.acme.Greeter:1.0.0:', 'G', 'public'], 'nacos', 'providers-com.acme.greeter-1.0.0.g.public.nacos'],
    [['svc', '', 'ns'], 'nacos', 'svc.ns.nacos'],
    [['_odd_', 'G', 'n'], 'nacos', 'odd.g.n.nacos'],
    [['providers:com.acme.Greeter::g1'], 'nacos', 'providers-com.acme.greeter--g1.nacos'],
    [['providers:com.acme.Greeter:g1:'], 'nacos', 'providers-com.acme.greeter-g1.nacos'],
  ])('of %p in %s is %s', (parts, suffix, host) => {
    expect(meshHostName(parts, suffix)).toBe(host);
  });

  test.each([[['***']], [['订单']], [['a..b']], [['x'.repeat(64)]], [Array.from({ length: 60 }, () => 'label')]])(
    'cannot be made of %p',
    (parts) => {
      expect(meshHostName(parts, 'nacos')).toBeUndefined();
    },
  );

  test('is a lower-case DNS name of at most 253 characters or nothing', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ maxLength: 40 }), { maxLength: 5 }), (parts) => {
        const host = meshHostName(parts, 'nacos');
        if (host === undefined) return;
        expect(host).toMatch(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/);
        expect(host.length).toBeLessThanOrEqual(253);
      }),
    );
  });
});
