import { describe, expect, test } from '@jest/globals';
import { serviceId } from '@isthmus/model';
import type { Health, ServiceId } from '@isthmus/model';
import { endpoint, record } from '../testing/records.ts';
import { CHECKS, CheckVerdicts } from './check-verdicts.ts';

const addresses = ['10.0.0.1', '10.0.0.2', '10.0.0.3'];
const orders = (health: Health = 'healthy') =>
  record(
    'orders',
    addresses.map((address) => endpoint({ address, health })),
  );
const id = serviceId(orders().key);

function setUp(revive = false) {
  const checks = new CheckVerdicts([{ name: 'vms', revive }], { now: () => 5 });
  const say = (address: string, healthy: boolean) => {
    const dirty = new Set<ServiceId>();
    checks.set(0, id, `${address} 8080`, { healthy, reason: healthy ? '' : 'connection refused', since: 5 }, dirty);
    return [...dirty];
  };
  const sees = (health: Health = 'healthy') => checks.view(id, orders(health)).endpoints.map((e) => e.health);
  return { checks, say, sees };
}

describe('active checks', () => {
  test('what fails is unhealthy, whatever the registry says, until it is well again', () => {
    const { say, sees, checks } = setUp();
    say('10.0.0.1', true);
    expect(say('10.0.0.2', false)).toEqual([id]);
    expect(sees()).toEqual(['healthy', 'unhealthy', 'healthy']);
    expect(checks.resultOf(id, '10.0.0.2 8080')).toMatchObject({ healthy: false, reason: 'connection refused', rule: 'vms' });
    say('10.0.0.2', true);
    expect(sees()).toEqual(['healthy', 'healthy', 'healthy']);
  });

  test('what the registry calls down stays down unless the rule says otherwise; disabled stays disabled always', () => {
    for (const revive of [false, true]) {
      const { say, sees } = setUp(revive);
      for (const address of addresses) say(address, true);
      expect(sees('unhealthy')[0]).toBe(revive ? 'healthy' : 'unhealthy');
      expect(sees('disabled')[0]).toBe('disabled');
      expect(sees('evicted')[0]).toBe('evicted');
    }
  });

  test('a checker for which everything fails is not believed, until something is well or an operator says so', () => {
    const { say, sees, checks } = setUp();
    for (const address of addresses) say(address, false);
    expect(sees()).toEqual(['healthy', 'healthy', 'healthy']);
    expect(checks.tripped()).toEqual([{ rule: 'vms', since: 5, failing: 3, services: [id] }]);
    const dirty = new Set<ServiceId>();
    expect(checks.release(`${CHECKS}vms`, dirty)).toBe(3);
    expect([...dirty]).toEqual([id]);
    expect(sees()).toEqual(['unhealthy', 'unhealthy', 'unhealthy']);
    expect(checks.release(`${CHECKS}vms`, dirty)).toBeUndefined();
    say('10.0.0.1', true);
    expect(sees()).toEqual(['healthy', 'unhealthy', 'unhealthy']);
    say('10.0.0.1', false);
    expect(sees()).toEqual(['healthy', 'healthy', 'healthy']);
  });

  test('what is not listed any more is forgotten', () => {
    const { say, checks } = setUp();
    say('10.0.0.1', true);
    say('10.0.0.2', false);
    checks.put(id, record('orders', [endpoint({ address: '10.0.0.1' })]), new Set());
    expect(checks.resultOf(id, '10.0.0.2 8080')).toBeUndefined();
    checks.drop(id, new Set());
    expect(checks.counts()).toEqual([{ rule: 'vms', checked: 0, failing: 0 }]);
  });
});
