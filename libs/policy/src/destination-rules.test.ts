import { create } from '@bufbuild/protobuf';
import { describe, expect, test } from '@jest/globals';
import { DestinationRuleSchema } from '@isthmus/proto/istio';
import fc from 'fast-check';
import { DestinationRules } from './destination-rules.ts';
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { IstioObject } from '@isthmus/proto/istio';

type Rule = IstioObject<'DestinationRule'>;
type Sketch = MessageInitShape<typeof DestinationRuleSchema> & { at?: string; age?: number };

const MESH = { domain: 'cluster.local', rootNamespace: 'istio-system' };
const ORDERS = { host: 'orders.shop.svc.cluster.local', namespace: 'shop' };

describe('which rule a client gets', () => {
  test('its own namespace goes before the service’s, and that before the root namespace', () => {
    const rules = index(rule({ at: 'istio-system/all', host: '*.svc.cluster.local' }));
    expect(chosen(rules, 'web')).toBe('all');
    put(rules, rule({ at: 'shop/theirs', host: 'orders' }));
    expect(chosen(rules, 'web')).toBe('theirs');
    put(rules, rule({ at: 'web/ours', host: ORDERS.host }));
    expect(chosen(rules, 'web')).toBe('ours');
    expect(chosen(rules, 'desk')).toBe('theirs');
  });

  test('a short host belongs to the rule’s own namespace, and a host with a dot stands for itself', () => {
    const rules = index(rule({ at: 'web/short', host: 'orders' }));
    expect(chosen(rules, 'web')).toBeUndefined();
    expect(rules.outbound({ host: 'orders.web.svc.cluster.local', namespace: 'web' }, client('web'))?.name).toBe('short');
    put(rules, rule({ at: 'web/nacos', host: 'Orders.DEFAULT-GROUP.public.nacos' }));
    expect(rules.outbound({ host: 'orders.default-group.public.nacos', namespace: 'x' }, client('web'))?.name).toBe('nacos');
  });

  test('the longest wildcard wins, and an exact host before it', () => {
    const rules = index(
      rule({ at: 'web/any', host: '*' }),
      rule({ at: 'web/shop', host: '*.shop.svc.cluster.local' }),
      rule({ at: 'web/mesh', host: '*.svc.cluster.local' }),
    );
    expect(chosen(rules, 'web')).toBe('shop');
    put(rules, rule({ at: 'web/exact', host: ORDERS.host }));
    expect(chosen(rules, 'web')).toBe('exact');
    rules.delete('web', 'exact');
    rules.delete('web', 'shop');
    expect(chosen(rules, 'web')).toBe('mesh');
  });

  test.each([
    ['nothing said', [], 'seen'],
    ['everyone', ['*'], 'seen'],
    ['its own namespace', ['.'], undefined],
    ['the client’s namespace', ['web'], 'seen'],
    ['another namespace', ['desk'], undefined],
  ])('a rule beside the service that is exported to %s', (_, exportTo, expected) => {
    expect(chosen(index(rule({ at: 'shop/seen', host: 'orders', exportTo })), 'web')).toBe(expected);
  });

  test('a rule that is exported to others only does not hold in its own namespace', () => {
    const rules = index(rule({ at: 'shop/away', host: 'orders', exportTo: ['web'] }));
    expect([chosen(rules, 'web'), chosen(rules, 'desk')]).toEqual(['away', undefined]);
    expect(chosen(rules, 'shop')).toBeUndefined();
  });

  test('clients in the root namespace take what is private to it, then the service’s, then what all get', () => {
    const rules = index(rule({ at: 'istio-system/all', host: '*.svc.cluster.local' }));
    expect(chosen(rules, 'istio-system')).toBe('all');
    put(rules, rule({ at: 'shop/theirs', host: 'orders' }));
    expect(chosen(rules, 'istio-system')).toBe('theirs');
    put(rules, rule({ at: 'istio-system/mine', host: '*.svc.cluster.local', exportTo: ['.'] }));
    expect(chosen(rules, 'istio-system')).toBe('mine');
    expect(chosen(rules, 'web')).toBe('theirs');
  });

  test('a rule for some workloads holds for those of its namespace, and the one without selector for the rest', () => {
    const rules = index(
      rule({ at: 'web/all', host: ORDERS.host, age: 1 }),
      rule({ at: 'web/canary', host: ORDERS.host, age: 2, workloadSelector: { matchLabels: { track: 'canary' } } }),
    );
    expect(chosen(rules, 'web', { track: 'canary', app: 'web' })).toBe('canary');
    expect(chosen(rules, 'web')).toBe('all');
    expect(rules.inbound(ORDERS, 'web')?.name).toBe('all');
    expect(rules.selectsWorkloads(ORDERS, 'web')).toBe(true);
    expect(chosen(rules, 'desk', { track: 'canary' })).toBeUndefined();
  });
});

describe('several rules of one namespace for one host', () => {
  test('give their subsets together, the first policy there is, and the older one of two equal names', () => {
    const rules = index(
      rule({ at: 'shop/b', host: 'orders', age: 2, subsets: [subset('v1', 'late'), subset('v2')], trafficPolicy: maxRetries(2) }),
      rule({ at: 'shop/a', host: ORDERS.host, age: 1, subsets: [subset('v1')] }),
      rule({ at: 'shop/c', host: 'orders', age: 3, trafficPolicy: maxRetries(3) }),
    );
    const { name, spec, place } = rules.outbound(ORDERS, client('web')) as Rule;
    expect(name).toBe('a');
    expect(place).toBe('shop/a + shop/b + shop/c');
    expect(spec.subsets.map((one) => `${one.name} ${one.labels['version']}`)).toEqual(['v1 v1', 'v2 v2']);
    expect(spec.trafficPolicy?.connectionPool?.http?.maxRetries).toBe(2);
  });

  test('are not joined when they are exported to different namespaces', () => {
    const rules = index(
      rule({ at: 'shop/a', host: 'orders', age: 1, exportTo: ['web'], subsets: [subset('v1')] }),
      rule({ at: 'shop/b', host: 'orders', age: 2, exportTo: ['desk'], subsets: [subset('v2')] }),
    );
    const subsets = (from: string) => rules.outbound(ORDERS, client(from))?.spec.subsets.map(({ name }) => name);
    expect([subsets('web'), subsets('desk')]).toEqual([['v1'], ['v2']]);
  });
});

describe('what changes', () => {
  test('the same object comes back until one of the host’s rules changes', () => {
    const rules = index(rule({ at: 'shop/a', host: 'orders' }), rule({ at: 'shop/b', host: 'orders', subsets: [subset('v1')] }));
    const first = rules.outbound(ORDERS, client('web'));
    put(rules, rule({ at: 'shop/other', host: 'payments' }));
    expect(put(rules, rule({ at: 'shop/b', host: 'orders', subsets: [subset('v1')] }))).toEqual([]);
    expect(rules.outbound(ORDERS, client('web'))).toBe(first);
    expect(put(rules, rule({ at: 'shop/b', host: 'orders', subsets: [subset('v2')] }))).toEqual([ORDERS.host]);
    expect(rules.outbound(ORDERS, client('web'))?.version).not.toBe(first?.version);
  });

  test('a rule that moves to another host makes both dirty, and one that is not there none', () => {
    const rules = index(rule({ at: 'shop/a', host: 'orders' }));
    expect(put(rules, rule({ at: 'shop/a', host: '*.shop.svc.cluster.local' }))).toEqual([
      '*.shop.svc.cluster.local',
      ORDERS.host,
    ]);
    expect(rules.delete('shop', 'a')).toEqual(['*.shop.svc.cluster.local']);
    expect(rules.delete('shop', 'a')).toEqual([]);
    expect(chosen(rules, 'web')).toBeUndefined();
  });

  test('rules put in, changed and removed in any order give what those that are left give from nothing', () => {
    const sketch = fc.record({
      at: fc.constantFrom('shop/a', 'shop/b', 'web/a', 'istio-system/a', 'istio-system/b'),
      host: fc.constantFrom('orders', ORDERS.host, '*.shop.svc.cluster.local', '*'),
      age: fc.nat(3),
      exportTo: fc.constantFrom<string[]>([], ['*'], ['.'], ['web'], ['web', 'shop']),
      subsets: fc.constantFrom<ReturnType<typeof subset>[]>([], [subset('v1')], [subset('v1', 'x'), subset('v2')]),
      trafficPolicy: fc.constantFrom(maxRetries(0), maxRetries(1), maxRetries(2)),
      workloadSelector: fc.constantFrom(undefined, undefined, { matchLabels: { track: 'canary' } }),
    });
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.boolean(), sketch), { maxLength: 15 }), (steps) => {
        const incremental = new DestinationRules(MESH);
        const left = new Map<string, Rule>();
        for (const [remove, one] of steps) {
          if (remove) incremental.delete(...(one.at.split('/') as [string, string]));
          else put(incremental, rule(one));
          if (remove) left.delete(one.at);
          else left.set(one.at, rule(one));
          incremental.outbound(ORDERS, client('web')); // fills what is kept
        }
        const fresh = index(...[...left.values()].reverse());
        for (const namespace of ['web', 'shop', 'istio-system'])
          for (const labels of [{}, { track: 'canary' }])
            expect(incremental.outbound(ORDERS, { namespace, labels })).toEqual(fresh.outbound(ORDERS, { namespace, labels }));
      }),
    );
  });
});

function index(...rules: readonly Rule[]): DestinationRules {
  const made = new DestinationRules(MESH);
  for (const one of rules) made.set(one);
  return made;
}

function put(rules: DestinationRules, one: Rule): readonly string[] {
  return rules.set(one);
}

function rule({ at = 'shop/orders', age = 0, ...spec }: Sketch): Rule {
  const [namespace, name] = at.split('/') as [string, string];
  const version = JSON.stringify([at, age, spec]);
  const made = create(DestinationRuleSchema, spec);
  return {
    kind: 'DestinationRule',
    namespace,
    name,
    labels: {},
    annotations: {},
    createdAt: age,
    spec: made,
    version,
    place: at,
  };
}

function client(namespace: string, labels: Record<string, string> = {}) {
  return { namespace, labels };
}

function chosen(rules: DestinationRules, namespace: string, labels: Record<string, string> = {}): string | undefined {
  return rules.outbound(ORDERS, { namespace, labels })?.name;
}

function subset(name: string, version = name) {
  return { name, labels: { version } };
}

function maxRetries(count: number) {
  return { connectionPool: { http: { maxRetries: count } } };
}
