import { describe, expect, test } from '@jest/globals';
import type { Workload } from '@isthmus/model';
import { endpoint, record } from '../testing/records.ts';
import { workload } from '../testing/workloads.ts';
import { judge } from './judge.ts';
import type { Evidence } from './judge.ts';
import { DEFAULT_OWNERSHIP } from './ownership.ts';

const backing = { pod: 'shop/orders-1', owner: 'shop/orders' };

function verdict(at: readonly Workload[], evidence: Partial<Evidence> = {}, rules = DEFAULT_OWNERSHIP): string {
  const { key } = record('orders', []);
  const all = { key, endpoint: endpoint(), at, inRange: false, backing: undefined, named: false, ...evidence };
  const result = judge(all, rules);
  return result.kind === 'keep' ? 'keep' : result.cause;
}

const other = (fields: Partial<Workload> = {}) => workload('payments-1', { owner: 'payments', ...fields });

describe('an endpoint that a registry lists', () => {
  test('is kept while a Ready Pod of its service has the address', () => {
    expect(verdict([workload('orders-1')])).toBe('keep');
  });

  test('nobody has its address: kept outside of the cluster, evicted inside and where a Pod was before', () => {
    expect(verdict([])).toBe('keep');
    expect(verdict([], { inRange: true })).toBe('no-pod');
    expect(verdict([], { backing })).toBe('pod-gone');
  });

  test('its Pod is not ready or on its way out', () => {
    expect(verdict([workload('orders-1', { ready: false })])).toBe('not-ready');
    expect(verdict([workload('orders-1', { terminating: true })])).toBe('terminating');
    expect(verdict([workload('orders-1', { ready: false }), workload('orders-2')])).toBe('keep');
  });
});

describe('whose address it is', () => {
  test('the Pod says so itself', () => {
    const says = (text: string) => other({ annotations: { 'isthmus.dev/service': text } });
    expect(verdict([says('billing, ORDERS')])).toBe('keep');
    expect(verdict([says('billing')])).toBe('other-workload');
  });

  test('the registration names its Pod', () => {
    const of = (pod: string) => ({ endpoint: endpoint({ metadata: { podName: pod } }) });
    expect(verdict([other()], of('payments-1'))).toBe('keep');
    expect(verdict([other()], of('shop/payments-1'))).toBe('keep');
    expect(verdict([workload('orders-2')], of('orders-1'))).toBe('other-workload');
  });

  test('the Pod goes by the name of the service, by a label or by its controller', () => {
    expect(verdict([other({ labels: { app: 'orders' } })], { named: true, backing })).toBe('keep');
    expect(verdict([workload('x')], { named: true })).toBe('keep');
    expect(verdict([workload('x', { owner: 'ORDERS' })])).toBe('keep');
  });

  test('another name is another service where names are known to mean something, and a doubt where they are not', () => {
    expect(verdict([other()], { named: true })).toBe('other-workload');
    expect(verdict([other()])).toBe('keep');
    expect(verdict([other()], {}, { ...DEFAULT_OWNERSHIP, strict: true })).toBe('other-workload');
  });

  test('the Pod that was there before belonged to another controller', () => {
    expect(verdict([other()], { backing })).toBe('other-workload');
    expect(verdict([other()], { backing: { pod: 'shop/payments-0', owner: 'shop/payments' } })).toBe('keep');
  });
});

describe("a node's address, which its Pods share", () => {
  const shared = (name: string, port: number, fields: Partial<Workload> = {}) =>
    workload(name, { hostNetwork: true, owner: name, ports: [{ name: 'http', port }], ...fields });

  test('is judged by the Pod that declares the port', () => {
    expect(verdict([shared('a', 8080), shared('b', 9090, { ready: false })])).toBe('keep');
    expect(verdict([shared('a', 9090), shared('b', 8080, { ready: false })])).toBe('not-ready');
  });

  test('is judged by the Pod that goes by the name, whatever it declares', () => {
    expect(verdict([shared('orders', 1, { ready: false }), shared('b', 2)])).toBe('not-ready');
  });

  test('is kept when no Pod has to do with it: something may run there without Kubernetes', () => {
    expect(verdict([shared('a', 9090)])).toBe('keep');
    expect(verdict([shared('a', 9090)], { inRange: true })).toBe('keep');
  });

  test('is evicted when the Pod that served it is gone', () => {
    expect(verdict([shared('a', 9090)], { backing })).toBe('pod-gone');
  });
});
