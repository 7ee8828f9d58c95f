import { describe, expect, test } from '@jest/globals';
import { NOWHERE } from '@isthmus/model';
import { parseIstioYaml } from '@isthmus/policy';
import type { IstioObject } from '@isthmus/proto/istio';
import type { Proxy } from '@isthmus/translate';
import { proxyOf } from '@isthmus/translate/testing';
import { Distinctions } from './distinctions.ts';

const web = proxy({ app: 'web', version: 'v1', 'pod-template-hash': 'abc' });
const shop = proxy({ app: 'shop', version: 'v1', 'pod-template-hash': 'def' });

test('without rules, proxies that differ in labels, addresses, egress and locality are one class', () => {
  const distinctions = new Distinctions();
  const elsewhere = { ...shop, addresses: ['10.0.0.9'], egress: { address: '127.0.0.1', port: 15_004 }, locality: zone('b') };
  expect(distinctions.classOf(elsewhere)).toEqual(distinctions.classOf(web));
});

test('what namespace, kind and interception differ in is never one class', () => {
  const distinctions = new Distinctions();
  const classes = [
    web,
    { ...web, namespace: 'other' },
    { ...web, kind: 'router' as const },
    { ...web, interception: 'none' as const },
  ];
  expect(new Set(classes.map((one) => JSON.stringify(distinctions.classOf(one)))).size).toBe(4);
});

test('routers of other addresses are other classes: the service of its address says on which ports a Gateway listens', () => {
  const distinctions = new Distinctions();
  const edge = { ...web, kind: 'router' as const };
  const other = { ...edge, addresses: ['10.0.0.9'] };
  expect(distinctions.classOf(other)).not.toEqual(distinctions.classOf(edge));
});

test('who said something of itself, and who said nothing, are two classes where labels are compared, whatever they are', () => {
  const distinctions = new Distinctions();
  const [nobody, somebody] = [proxy({}), web].map((each) => ({ ...each, locality: NOWHERE })) as [Proxy, Proxy];
  expect(distinctions.classOf(somebody)).toEqual(distinctions.classOf(nobody));
  const byVersion = 'localityLbSetting: { failoverPriority: ["zone=a"] }';
  distinctions.replace(
    undefined,
    parse(
      'DestinationRule',
      `{ host: a.b, trafficPolicy: { outlierDetection: {}, loadBalancer: { ${byVersion} } } }`,
      'by-version',
    ),
  );
  expect(distinctions.classOf(somebody)).not.toEqual(distinctions.classOf(nobody));
  expect(distinctions.classOf(web)).toEqual(distinctions.classOf(shop));
});

describe('labels count where a rule looks at them:', () => {
  test.each([
    [
      'sourceLabels of a VirtualService',
      'VirtualService',
      '{ hosts: [a.b], http: [{ match: [{ sourceLabels: { app: web } }], route: [{ destination: { host: a.b } }] }] }',
    ],
    [
      'sourceLabels of a tcp route',
      'VirtualService',
      '{ hosts: [a.b], tcp: [{ match: [{ sourceLabels: { app: web } }], route: [{ destination: { host: a.b } }] }] }',
    ],
    [
      'the workload selector of a DestinationRule',
      'DestinationRule',
      '{ host: a.b, workloadSelector: { matchLabels: { app: web } } }',
    ],
    [
      'failoverPriority',
      'DestinationRule',
      '{ host: a.b, trafficPolicy: { outlierDetection: {}, loadBalancer: { localityLbSetting: { failoverPriority: [app] } } } }',
    ],
    [
      'failoverPriority beside zones that Envoy balances',
      'DestinationRule',
      '{ host: a.b, trafficPolicy: { loadBalancer: { zoneAwareLbSetting: { failoverPriority: [app] } } } }',
    ],
    ['a Sidecar', 'Sidecar', '{ workloadSelector: { labels: { app: web } }, egress: [{ hosts: ["./*"] }] }'],
    [
      'a Gateway',
      'Gateway',
      '{ selector: { app: web }, servers: [{ port: { number: 80, name: http, protocol: HTTP }, hosts: ["*"] }] }',
    ],
  ])('%s', (_, kind, spec) => {
    const distinctions = new Distinctions();
    const object = parse(kind, spec);
    expect(distinctions.replace(undefined, object)).toBe(true);
    expect(distinctions.classOf(web).labels).toEqual({ app: 'web' });
    expect(distinctions.classOf(shop)).not.toEqual(distinctions.classOf(web));
    expect(distinctions.replace(object, undefined)).toBe(true);
    expect(distinctions.classOf(web).labels).toEqual({});
  });

  test('a second rule that looks at them changes nothing, and nothing changes while one is left', () => {
    const distinctions = new Distinctions();
    const [one, two] = ['a', 'b'].map((name) =>
      parse('Sidecar', '{ workloadSelector: { labels: { app: web } }, egress: [{ hosts: ["./*"] }] }', name),
    );
    distinctions.replace(undefined, one);
    expect(distinctions.replace(undefined, two)).toBe(false);
    expect(distinctions.replace(one, undefined)).toBe(false);
    expect(distinctions.replace(two, undefined)).toBe(true);
  });
});

test.each([
  'trafficPolicy: { outlierDetection: {} }',
  'subsets: [{ name: v1, trafficPolicy: { loadBalancer: { localityLbSetting: { enabled: true } } } }]',
])('the locality counts where a rule has %s', (policy) => {
  const distinctions = new Distinctions();
  const far = { ...web, locality: zone('b') };
  const rule = parse('DestinationRule', `{ host: a.b, ${policy} }`);
  expect(distinctions.replace(undefined, rule)).toBe(true);
  expect(distinctions.classOf(far)).not.toEqual(distinctions.classOf(web));
  expect(distinctions.replace(rule, undefined)).toBe(true);
  expect(distinctions.classOf(far)).toEqual(distinctions.classOf(web));
});

function proxy(labels: Readonly<Record<string, string>>): Proxy {
  return proxyOf({ addresses: ['10.0.0.1'], labels, interception: 'explicit', locality: zone('a') });
}

function zone(name: string): Proxy['locality'] {
  return { ...NOWHERE, region: 'eu', zone: name };
}

function parse(kind: string, spec: string, name = 'rule'): IstioObject {
  const text = `{ apiVersion: networking.istio.io/v1, kind: ${kind}, metadata: { name: ${name} }, spec: ${spec} }`;
  const { objects, problems } = parseIstioYaml(text, { file: 'rules.yaml', defaultNamespace: 'shop' });
  expect(problems.filter(({ severity }) => severity === 'error')).toEqual([]);
  return objects[0] as IstioObject;
}
