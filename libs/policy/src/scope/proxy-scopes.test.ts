import { describe, expect, test } from '@jest/globals';
import { atOnce } from '@isthmus/model';
import type { MeshHost, MeshService } from '@isthmus/model';
import type { IstioObject } from '@isthmus/proto/istio';
import type { MeshOptions, Proxy, ProxyScope } from '@isthmus/translate';
import { ProxyScopes } from './proxy-scopes.ts';
import type { ServedPort } from './inputs.ts';
import { destinationRule, gateway, service, sidecar, virtualService } from './testing/objects.ts';

const mesh: MeshOptions = { domain: 'cluster.local', rootNamespace: 'istio-system', outbound: 'allow-any' };
const tcp = [{ number: 3306, name: 'tcp', protocol: 'tcp' as const }];
const both = [{ number: 80, name: 'http', protocol: 'http' as const }, ...tcp];

function proxy(rest: Partial<Proxy> = {}): Proxy {
  return {
    kind: 'sidecar',
    grpc: false,
    namespace: 'shop',
    dnsDomain: 'shop.svc.cluster.local',
    addresses: ['10.0.0.1'],
    labels: { app: 'web' },
    interception: 'redirect',
    egress: undefined,
    locality: { region: '', zone: '', subzone: '' },
    cluster: '',
    network: '',
    ...rest,
  };
}

/** A catalog and rules that a test changes by hand. */
function world(...services: readonly MeshService[]) {
  const byHost = new Map(services.map((s) => [s.host as string, s]));
  const rules = {
    virtual: [] as readonly IstioObject<'VirtualService'>[],
    destination: new Map<string, IstioObject<'DestinationRule'>>(),
  };
  const served: ServedPort[] = [];
  const scopes = new ProxyScopes<Proxy, MeshOptions>(
    mesh,
    { all: () => byHost.values(), get: (host) => byHost.get(host), ofAddress: (ip) => (ip === '10.0.0.1' ? served : []) },
    {
      virtualServices: () => rules.virtual,
      destinationRule: (_, { host }) => rules.destination.get(host),
    },
  );
  const put = (changed: MeshService) => {
    byHost.set(changed.host, changed);
    return scopes.onServices([changed.host]);
  };
  return { scopes, rules, served, put };
}

const hosts = (services: Iterable<MeshService>): string[] => [...services].map(({ host }) => host);

describe('without a Sidecar', () => {
  test('a proxy sees what is exported to its namespace: private and shared ones first, then public, each older first', () => {
    const age = (createdAt: number) => ({
      declared: { resolution: 'static' as const, addresses: [], external: false, createdAt, labels: {}, subjectAltNames: [] },
    });
    const { scopes } = world(
      service('public-young', age(2)),
      service('public-old', age(1)),
      service('private', { exportTo: ['.'], ...age(3) }),
      service('shared', { namespace: 'pay', exportTo: ['shop'] }),
      service('not-here', { namespace: 'pay', exportTo: ['.'] }),
      service('nowhere', { exportTo: ['~'] }),
    );
    const scope: ProxyScope = scopes.scopeFor(proxy()); // the shape that the translators ask for
    expect(hosts(scope.egress[0]?.services() ?? [])).toEqual(['shared', 'private', 'public-old', 'public-young']);
    expect(scope.service('not-here' as MeshHost)).toBeUndefined();
  });
});

describe('which Sidecar applies', () => {
  const selected = sidecar({ workloadSelector: { labels: { app: 'web' } } }, { name: 'selected', createdAt: 9 });
  const own = sidecar({}, { name: 'own' });
  const root = sidecar({}, { name: 'root', namespace: 'istio-system' });
  const other = sidecar({ workloadSelector: { labels: { app: 'other' } } }, { name: 'other' });

  test.each([
    [[root, own, other, selected], 'selected'],
    [[root, other, own], 'own'],
    [[root, other], 'root'],
    [[other], undefined],
  ])('%#: the most specific', (objects, expected) => {
    const { scopes } = world();
    atOnce(scopes.onObjects(objects.map((after) => ({ before: undefined, after }))));
    expect(scopes.scopeFor(proxy()).sidecar?.name).toBe(expected);
  });

  test('a router has none', () => {
    const { scopes } = world();
    atOnce(scopes.onObjects([{ before: undefined, after: root }]));
    expect(scopes.scopeFor(proxy({ kind: 'router' })).sidecar).toBeUndefined();
  });
});

describe('what egress hosts let in', () => {
  const catalog = [
    service('a.shop'),
    service('b.shop'),
    service('c.pay', { namespace: 'pay' }),
    service('a.pay', { namespace: 'pay' }),
  ];
  test.each([
    [['./*'], ['a.shop', 'b.shop']],
    [['*/a.shop'], ['a.shop']],
    [['pay/*'], ['a.pay', 'c.pay']],
    [['*/*.pay'], ['a.pay', 'c.pay']],
    [['./c.pay'], []],
    [['~/*'], []],
    [
      ['*/*', '~pay/*'],
      ['a.shop', 'b.shop'],
    ],
    [
      ['*/*', '~/a.shop', '~./b.shop'],
      ['a.pay', 'c.pay'],
    ],
    [['*/*'], ['a.pay', 'a.shop', 'b.shop', 'c.pay']],
    [
      ['pay/c.pay', './b.shop'],
      ['b.shop', 'c.pay'],
    ],
  ])('%j', (imported, expected) => {
    const { scopes } = world(...catalog);
    atOnce(scopes.onObjects([{ before: undefined, after: sidecar({ egress: [{ hosts: imported }] }) }]));
    const [egress] = scopes.scopeFor(proxy()).egress;
    expect(hosts(egress?.services() ?? [])).toEqual(expected);
    expect(hosts(egress?.servicesOn(80) ?? [])).toEqual(expected);
  });

  test('a listener with a port has that port of services only, and several listeners make one service', () => {
    const { scopes } = world(service('db', { ports: both }));
    const listeners = [{ port: { number: 3306, protocol: 'TCP', name: 'tcp' }, hosts: ['*/*'] }];
    atOnce(scopes.onObjects([{ before: undefined, after: sidecar({ egress: listeners }) }]));
    const scope = scopes.scopeFor(proxy());
    expect([...(scope.egress[0]?.services() ?? [])][0]?.ports).toEqual(tcp);
    expect(scope.service('db' as MeshHost)?.ports).toEqual(tcp);
    const before = scope.sidecar;
    const more = sidecar({ egress: [...listeners, { port: { number: 80, protocol: 'HTTP', name: 'http' }, hosts: ['*/*'] }] });
    atOnce(scopes.onObjects([{ before, after: more }]));
    expect(scope.service('db' as MeshHost)?.ports).toEqual(both);
  });

  test('a port for proxy requests takes the services of all ports', () => {
    const { scopes } = world(service('db', { ports: both }));
    const listener = { port: { number: 15_080, protocol: 'HTTP_PROXY', name: 'proxy' }, hosts: ['*/*'] };
    atOnce(scopes.onObjects([{ before: undefined, after: sidecar({ egress: [listener] }) }]));
    expect([...(scopes.scopeFor(proxy()).egress[0]?.services() ?? [])][0]?.ports).toEqual(both);
  });

  test('where a visible rule sends is known although it was not imported, with the ports that the rule names', () => {
    const { scopes, rules } = world(service('a.shop'), service('db.pay', { namespace: 'pay', ports: both }));
    rules.virtual = [
      virtualService({ hosts: ['a.shop'], http: [{ route: [{ destination: { host: 'db.pay', port: { number: 80 } } }] }] }),
    ];
    atOnce(scopes.onObjects([{ before: undefined, after: sidecar({ egress: [{ hosts: ['./*'] }] }) }]));
    const scope = scopes.scopeFor(proxy());
    expect(scope.service('db.pay' as MeshHost)?.ports.map(({ number }) => number)).toEqual([80]);
    expect(hosts(scope.egress[0]?.services() ?? [])).toEqual(['a.shop']);
  });
});

test('a router has the Gateways whose selector matches, of any namespace, the older first', () => {
  const { scopes } = world();
  const objects = [
    gateway({ selector: { app: 'web' } }, { name: 'young', createdAt: 2 }),
    gateway({}, { name: 'old', namespace: 'pay', createdAt: 1 }),
    gateway({ selector: { app: 'other' } }, { name: 'not-ours' }),
  ];
  atOnce(scopes.onObjects(objects.map((after) => ({ before: undefined, after }))));
  expect(scopes.scopeFor(proxy({ kind: 'router' })).gateways.map(({ name }) => name)).toEqual(['old', 'young']);
  expect(scopes.scopeFor(proxy()).gateways).toEqual([]);
});

describe('what a change makes dirty', () => {
  test('instances alone: nothing but the inbound side of those that serve them', () => {
    const { scopes, put } = world(service('a.shop'));
    scopes.scopeFor(proxy());
    scopes.scopeFor(proxy({ addresses: ['10.0.0.2'] }));
    const endpoint = { address: '10.0.0.1', port: 8080, protocol: 'http' } as MeshService['endpoints'][number]['endpoint'];
    const dirt = put(service('a.shop', { endpoints: [{ origin: '' as never, portName: 'http', endpoint }] }));
    expect(
      dirt.map(({ scope, inbound, hosts, listeners }) => [scope.proxy.addresses, inbound, hosts.size, listeners.size]),
    ).toEqual([[['10.0.0.1'], true, 0, 0]]);
  });

  test('a new port: the service and the listeners of its ports, for those who see it', () => {
    const { scopes, put } = world(service('a.shop'));
    scopes.scopeFor(proxy());
    atOnce(scopes.onObjects([{ before: undefined, after: sidecar({ egress: [{ hosts: ['~/*'] }] }, { namespace: 'blind' }) }]));
    scopes.scopeFor(proxy({ namespace: 'blind' }));
    const dirt = put(service('a.shop', { ports: both, vip: '10.1.1.1' }));
    expect(dirt.map(({ scope, hosts, listeners }) => [scope.proxy.namespace, [...hosts], [...listeners]])).toEqual([
      ['shop', ['a.shop'], [80, 3306, '10.1.1.1_3306']],
    ]);
  });

  test('a Sidecar: all of the groups to which another one applies now, and no others', () => {
    const { scopes } = world();
    scopes.scopeFor(proxy());
    scopes.scopeFor(proxy({ namespace: 'pay' }));
    const dirt = atOnce(scopes.onObjects([{ before: undefined, after: sidecar({}) }]));
    expect(dirt.map(({ scope, all }) => [scope.proxy.namespace, all])).toEqual([['shop', true]]);
  });

  test('a VirtualService: its hosts and where it sends; its ports too if it routes connections', () => {
    const { scopes } = world(service('db.shop', { ports: tcp }));
    scopes.scopeFor(proxy());
    const route = [{ destination: { host: 'other.shop' } }];
    const http = virtualService({ hosts: ['db.shop'], http: [{ route }] });
    const [first] = atOnce(scopes.onObjects([{ before: undefined, after: http }]));
    expect([...(first?.hosts ?? [])]).toEqual(['other.shop']);
    expect(first?.virtualServices).toEqual(new Set([http]));
    expect(first?.listeners.size).toBe(0);
    const [second] = atOnce(scopes.onObjects([{ before: http, after: virtualService({ hosts: ['*.shop'], tcp: [{ route }] }) }]));
    expect([...(second?.listeners ?? [])]).toEqual([3306]);
  });

  test('a DestinationRule: the hosts that it covers, a short name made long', () => {
    const { scopes } = world(service('a.shop'), service('b.shop'), service('c.shop.svc.cluster.local'));
    scopes.scopeFor(proxy());
    const dirty = (host: string) =>
      atOnce(scopes.onObjects([{ before: undefined, after: destinationRule({ host }) }])).flatMap((dirt) => [...dirt.hosts]);
    expect(dirty('*.shop')).toEqual(['a.shop', 'b.shop']);
    expect(dirty('c')).toEqual(['c.shop.svc.cluster.local']);
  });

  test('a released scope costs nothing', () => {
    const { scopes, put } = world();
    scopes.release(scopes.scopeFor(proxy()));
    expect(put(service('a.shop'))).toEqual([]);
  });
});
