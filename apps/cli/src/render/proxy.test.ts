import { expect, test } from '@jest/globals';
import type { ProxyView, ProxyWorkloadView } from '@isthmus/contract';
import { renderProxyStatus } from './proxy.ts';

const proxy = (node: string, workload: Partial<ProxyWorkloadView>): ProxyView => ({
  ...{ node, address: '10.0.0.7:1', connectedAt: 0, transport: 'delta', types: [] },
  workload: { name: `shop/vm-${node}`, group: 'vm', state: 'in', ...workload },
});

test('says once of each proxy what it has registered, and why not; of two with one node id what each has', () => {
  const proxies = [
    proxy('a', {}),
    proxy('a', {}),
    proxy('b', { state: 'unwell' }),
    proxy('c', { state: 'refused', reason: 'there is no WorkloadGroup shop/vm' }),
    proxy('a', { name: 'shop/vm-b', state: 'unwell' }),
  ];
  const lines = renderProxyStatus(proxies, [], 0)
    .split('\n')
    .filter((line) => line.includes('workload'));
  expect(lines).toEqual([
    'a is workload shop/vm-a of WorkloadGroup vm: callers have it',
    'b is workload shop/vm-b of WorkloadGroup vm: not called, as its agent has not said that it is well',
    'c is workload shop/vm-c of WorkloadGroup vm: not registered, there is no WorkloadGroup shop/vm',
    'a is workload shop/vm-b of WorkloadGroup vm: not called, as its agent has not said that it is well',
  ]);
});
