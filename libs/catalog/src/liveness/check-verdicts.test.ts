import { describe, expect, test } from '@jest/globals';
import { MemoryLedger } from '@isthmus/ledger';
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
  const ledger = new MemoryLedger();
  const checks = new CheckVerdicts([{ name: 'vms', revive }], { ledger, clock: { now: () => 5 } });
  const say = (address: string, healthy: boolean, isProven = true) => {
    const dirty = new Set<ServiceId>();
    checks.set(0, id, `${address} 8080`, { healthy, reason: healthy ? '' : 'connection refused', since: 5, isProven }, dirty);
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

  test('what fails while nothing succeeds is used, until that is proven or an operator says so', () => {
    const { say, sees, checks } = setUp();
    say('10.0.0.1', false);
    for (const address of addresses.slice(1)) say(address, false, false);
    // The first one was known before the checker was cut off.
    expect(sees()).toEqual(['unhealthy', 'healthy', 'healthy']);
    expect(checks.held()).toEqual([{ rule: 'vms', since: 5, failing: 2, of: 3, services: [id] }]);
    expect(say('10.0.0.2', false, true)).toEqual([id]);
    expect(sees()).toEqual(['unhealthy', 'unhealthy', 'healthy']);
    const dirty = new Set<ServiceId>();
    expect(checks.release(`${CHECKS}vms`, dirty)).toBe(1);
    expect([...dirty]).toEqual([id]);
    expect(sees()).toEqual(['unhealthy', 'unhealthy', 'unhealthy']);
    expect(checks.held()).toEqual([]);
    expect(checks.release(`${CHECKS}vms`, dirty)).toBeUndefined();
    say('10.0.0.1', true);
    expect(sees()).toEqual(['healthy', 'unhealthy', 'unhealthy']);
    say('10.0.0.1', false, false);
    expect(sees()).toEqual(['healthy', 'unhealthy', 'unhealthy']);
  });

  test('what fails beyond doubt, or was let through, is remembered as long as it does', () => {
    const { say, checks } = setUp();
    say('10.0.0.1', false);
    say('10.0.0.2', false, false);
    const failure = { reason: 'connection refused', since: 5 };
    expect(checks.failingBefore(id)).toEqual({ '10.0.0.1 8080': failure });
    checks.release(`${CHECKS}vms`, new Set());
    expect(checks.failingBefore(id)).toEqual({ '10.0.0.1 8080': failure, '10.0.0.2 8080': failure });
    say('10.0.0.1', true);
    checks.forget(id, '10.0.0.2 8080', new Set());
    expect(checks.failingBefore(id)).toEqual({});
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
