import { expect, test } from '@jest/globals';
import type { LiftedPolicy } from '@isthmus/contract';
import type { Migration } from '@isthmus/plans';
import type { TargetFacts } from '../plans/target-facts.ts';
import { liftedPolicies, lossyPolicies, reportedPolicies } from './lifted-policies.ts';

const HOST = 'orders.default-group.public.nacos';
const breaker = (more: Partial<LiftedPolicy> = {}): LiftedPolicy => ({
  host: HOST,
  library: 'opossum',
  version: '8.5.0',
  name: 'orders',
  policy: 'circuitBreaking',
  options: { errorThresholdPercentage: 50, timeout: 1_000, errorFilter: '[function]' },
  ...more,
});
const TOLD: Readonly<Record<string, readonly LiftedPolicy[]>> = {
  'web-1': [breaker(), breaker({ host: 'stock.dc1.consul', name: 'stock' })],
  'web-2': [breaker()],
  'api-1': [breaker({ host: 'nacos/public/DEFAULT_GROUP/orders', name: 'by its SDK name' })],
};
const fleet = {
  policiesOf: (service: string) =>
    Object.entries(TOLD).flatMap(([instance, policies]) => (service === '*' || instance.startsWith(service) ? [{ instance, policies }] : [])), // prettier-ignore
};
const sources = { fleet, kept: { policiesOf: () => [], unread: () => [] } };
const facts = { host: HOST, sdkNames: ['nacos/public/DEFAULT_GROUP/orders'] } as unknown as TargetFacts;
const plan = (more: object): Migration =>
  ({ consumers: ['*'], steps: [{ rung: 'resilience' }], ...more }) as unknown as Migration;

test('equal policies of several processes are told once, with who has them', () => {
  expect(reportedPolicies(sources, 'web').map(({ name, instances }) => [name, instances])).toEqual([
    ['orders', ['web-1', 'web-2']],
    ['stock', ['web-1']],
  ]);
});

test('they are lifted by host', () => {
  const [view, ...others] = liftedPolicies(sources, 'web', HOST);
  expect(others).toEqual([]);
  expect(view?.rules.map(({ kind }) => kind)).toEqual(['DestinationRule', 'VirtualService']);
  expect(view?.fields.find(({ field }) => field === 'errorFilter')).toMatchObject({
    fidelity: 'blocked',
    policy: 'opossum orders',
  });
});

test('a plan is stopped by what its consumers would lose of its target, and of what it hands over', () => {
  expect(lossyPolicies(sources, facts, plan({}))).toEqual([
    'errorFilter of opossum by its SDK name',
    'errorFilter of opossum orders',
  ]);
  expect(lossyPolicies(sources, facts, plan({ consumers: ['web'] }))).toEqual(['errorFilter of opossum orders']);
  expect(lossyPolicies(sources, facts, plan({ steps: [{ rung: 'resilience', hand: ['retry'] }] }))).toEqual([]);
  expect(lossyPolicies(sources, facts, plan({ steps: [{ rung: 'traffic' }] }))).toEqual([]);
});
