import { expect, test } from '@jest/globals';
import type { Hop } from './hop.ts';
import { TrafficStats } from './traffic-stats.ts';

function stats() {
  let now = 0;
  return { stats: new TrafficStats(() => now), pass: (ms: number) => (now += ms) };
}

const orders = (instance: string, calls: readonly Hop[] = []): Hop => ({
  service: 'orders',
  instance,
  version: 'v1',
  path: 'mesh',
  calls,
});

test('the rate is that of whole seconds, the present one not counted', () => {
  const { stats: traffic, pass } = stats();
  for (let i = 0; i < 60; i += 1) {
    traffic.record('mesh', orders('a'));
    pass(100);
  }
  traffic.record('mesh', orders('a'));
  expect(traffic.traffic().mesh.perSecond).toBe(10);
  expect(traffic.traffic().sdk.perSecond).toBe(0);
});

test('shares are of a service’s calls, in the order of the addresses', () => {
  const { stats: traffic } = stats();
  for (const instance of ['b', 'a', 'a', 'a']) traffic.record('mesh', orders(instance));
  expect(traffic.traffic().mesh.services.get('orders')).toEqual([
    { instance: 'a', version: 'v1', share: 0.75 },
    { instance: 'b', version: 'v1', share: 0.25 },
  ]);
});

test('a failed call anywhere in the tree is one error, with its reason', () => {
  const { stats: traffic } = stats();
  const failed: Hop = { service: 'payments', path: 'mesh', unavailable: 'ECONNREFUSED', pending: false };
  traffic.record('mesh', orders('a', [failed, failed]));
  expect(traffic.traffic().mesh).toMatchObject({ errors: 1, lastError: 'payments: ECONNREFUSED' });
});

test('a service that nobody knows yet is no error, and is forgotten when it has come', () => {
  const { stats: traffic, pass } = stats();
  traffic.record('mesh', orders('a', [{ service: 'inventory', path: 'mesh', unavailable: 'not registered yet', pending: true }]));
  expect(traffic.traffic().mesh.errors).toBe(0);
  expect([...traffic.traffic().mesh.pending]).toEqual([['inventory', 'not registered yet']]);
  pass(1_000);
  traffic.record('mesh', orders('a'));
  expect([...traffic.traffic().mesh.pending]).toEqual([]);
});

test('what is older than the window counts only into the sum since the start', () => {
  const { stats: traffic, pass } = stats();
  traffic.record('mesh', { service: 'web', path: 'mesh', unavailable: 'down', pending: false });
  pass(12_000);
  expect(traffic.traffic().mesh).toMatchObject({ perSecond: 0, errors: 0, errorsSinceStart: 1, lastError: undefined });
});

test('calls over another transport do not count into the shares of the HTTP ones', () => {
  const { stats: traffic } = stats();
  traffic.record('sdk', { service: 'payments', instance: 'a', version: 'v1', path: 'sdk', transport: 'tcp', calls: [] });
  expect(traffic.traffic().sdk.services.size).toBe(0);
});
