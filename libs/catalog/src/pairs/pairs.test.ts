import { describe, expect, test } from '@jest/globals';
import { endpointKey, serviceId } from '@isthmus/model';
import type { ServiceId, ServiceRecord } from '@isthmus/model';
import fc from 'fast-check';
import { endpoint, record } from '../testing/records.ts';
import { diffEndpoints } from './diff.ts';
import type { PairRule } from './pair-rules.ts';
import { Pairs, differences } from './pairs.ts';

const RULE: PairRule = {
  matches: (key) => key.source === 'a',
  kubernetes: 'k8s/shop/{name}',
  policy: 'both',
  weights: undefined,
  port: undefined,
  keepHost: false,
};
const at = (address: string, fields = {}) => endpoint({ address, ...fields });
const registered = record('ORDERS', [at('10.0.0.1'), at('10.0.0.2')]);

function kubernetesService(...addresses: readonly string[]): ServiceRecord {
  const base = record(
    'orders',
    addresses.map((address) => at(address, { portName: 'web' })),
    { source: 'k8s' },
  );
  return {
    ...base,
    key: { ...base.key, namespace: 'shop', group: '' },
    ports: [{ number: 8080, name: 'web', protocol: 'http' }],
  };
}

function setUp(rule: Partial<PairRule>, ...records: readonly ServiceRecord[]) {
  const pairs = new Pairs([{ ...RULE, ...rule }]);
  const dirty = new Set<ServiceId>();
  for (const r of records) pairs.put(serviceId(r.key), r, dirty);
  const view = (r: ServiceRecord) => pairs.view(serviceId(r.key), r)?.endpoints.map((e) => `${endpointKey(e)} ${e.weight}`);
  return { pairs, dirty, view };
}

describe('a service in a registry and in Kubernetes', () => {
  const twin = kubernetesService('10.0.0.2', '10.0.0.3');

  test('is one service: what Kubernetes has goes under the host of the registry, and no longer under its own', () => {
    const { view, pairs } = setUp({}, registered, twin);
    expect(view(registered)).toEqual(['10.0.0.1 8080 1', '10.0.0.2 8080 1', '10.0.0.3 8080 1']);
    expect(view(twin)).toBeUndefined();
    expect(pairs.publishedAs(serviceId(twin.key))).toBe('a/ns/g/ORDERS');
  });

  test('either side comes first, and each makes the other dirty', () => {
    for (const records of [
      [registered, twin],
      [twin, registered],
    ]) {
      const { view, dirty } = setUp({}, ...records);
      expect(view(registered)).toHaveLength(3);
      expect([...dirty]).toContain(serviceId((records[1] === twin ? registered : twin).key));
    }
  });

  test('the policy says whose instances callers get', () => {
    expect(setUp({ policy: 'registry' }, registered, twin).view(registered)).toEqual(['10.0.0.1 8080 1', '10.0.0.2 8080 1']);
    expect(setUp({ policy: 'kubernetes' }, registered, twin).view(registered)).toEqual(['10.0.0.2 8080 1', '10.0.0.3 8080 1']);
  });

  test('weights are shares of the sides, whatever they have of instances', () => {
    const { view } = setUp({ weights: { registry: 80, kubernetes: 20 } }, registered, kubernetesService('10.0.0.3', '10.0.0.4'));
    expect(view(registered)).toEqual(['10.0.0.1 8080 1.6', '10.0.0.2 8080 1.6', '10.0.0.3 8080 0.4', '10.0.0.4 8080 0.4']);
    expect(setUp({ weights: { registry: 1, kubernetes: 0 } }, registered, twin).view(registered)).toEqual([
      '10.0.0.1 8080 1.5',
      '10.0.0.2 8080 1.5',
      '10.0.0.3 8080 0',
    ]);
  });

  test('the ports of the registry’s host stay as they are', () => {
    const { pairs } = setUp({}, registered, twin);
    const combined = pairs.view(serviceId(registered.key), registered);
    expect(combined?.ports).toBeUndefined();
    expect(combined?.endpoints.filter((e) => e.portName !== undefined)).toEqual([]);
  });

  test('its own host is kept where the rule says so, and comes back when the registry forgets the service', () => {
    expect(setUp({ keepHost: true }, registered, twin).view(twin)).toHaveLength(2);
    const { pairs, view } = setUp({}, registered, twin);
    const dirty = new Set<ServiceId>();
    pairs.drop(serviceId(registered.key), dirty);
    expect(view(twin)).toHaveLength(2);
    expect([...dirty]).toEqual([serviceId(twin.key)]);
  });

  test('without its twin it is the registry’s alone', () => {
    expect(setUp({ policy: 'kubernetes' }, registered).view(registered)).toHaveLength(2);
  });
});

describe('the difference between a registry and Kubernetes', () => {
  test('is who only one of them has, and where they disagree on port, health and labels', () => {
    const registry = [
      at('10.0.0.1'),
      at('10.0.0.2', { port: 9090 }),
      at('10.0.0.3', { health: 'unhealthy' }),
      at('10.0.0.4', { labels: { version: 'v1', app: 'orders' } }),
    ];
    const kubernetes = [
      at('10.0.0.2'),
      at('10.0.0.3'),
      at('10.0.0.4', { labels: { version: 'v2', app: 'orders', 'pod-template-hash': 'x' } }),
      at('10.0.0.5'),
    ];
    expect(diffEndpoints(registry, kubernetes)).toEqual([
      { kind: 'only-registry', at: '10.0.0.1 8080' },
      { kind: 'port', at: '10.0.0.2', registry: '9090', kubernetes: '8080' },
      { kind: 'health', at: '10.0.0.3 8080', registry: 'unhealthy', kubernetes: 'healthy' },
      { kind: 'labels', at: '10.0.0.4 8080', registry: 'version=v1', kubernetes: 'version=v2' },
      { kind: 'only-kubernetes', at: '10.0.0.5 8080' },
    ]);
  });

  test('is nothing when they agree, and everything when Kubernetes has no such service', () => {
    const same = kubernetesService('10.0.0.1', '10.0.0.2');
    expect(differences({ registry: registered, kubernetes: same, rule: RULE })).toEqual([]);
    expect(differences({ registry: registered, kubernetes: undefined, rule: RULE })).toHaveLength(2);
  });
});

test('the law: after any records came and went, in any order, the views are those of a new one, and what changed was said', () => {
  const addresses = fc.uniqueArray(
    fc.integer({ min: 1, max: 4 }).map((n) => `10.0.0.${n}`),
    { maxLength: 3 },
  );
  const step = fc.record({ kubernetes: fc.boolean(), name: fc.constantFrom('orders', 'stock'), listed: fc.option(addresses) });
  const policy = fc.constantFrom('registry' as const, 'kubernetes' as const, 'both' as const);
  fc.assert(
    fc.property(fc.array(step, { maxLength: 20 }), policy, (steps, chosen) => {
      const rules = [{ ...RULE, policy: chosen }];
      const one = new Pairs(rules);
      const known = new Map<ServiceId, ServiceRecord>();
      const views = (pairs: Pairs) => new Map([...known].map(([id, r]) => [id, JSON.stringify(pairs.view(id, r))]));
      for (const { kubernetes, name, listed } of steps) {
        const base = record(
          name,
          (listed ?? []).map((address) => at(address)),
          { source: kubernetes ? 'k8s' : 'a' },
        );
        const key = kubernetes ? { ...base.key, namespace: 'shop', group: '' } : base.key;
        const before = views(one);
        const dirty = new Set([serviceId(key)]);
        if (listed === null) {
          known.delete(serviceId(key));
          one.drop(serviceId(key), dirty);
        } else {
          known.set(serviceId(key), { ...base, key });
          one.put(serviceId(key), { ...base, key }, dirty);
        }
        for (const [id, view] of views(one)) if (view !== before.get(id)) expect([...dirty]).toContain(id);
      }
      const two = new Pairs(rules);
      for (const [id, r] of known) two.put(id, r, new Set());
      expect(views(one)).toEqual(views(two));
    }),
  );
});
