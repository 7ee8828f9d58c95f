import { describe, expect, test } from '@jest/globals';
import type { MeshHost, MeshService, ServiceRecord, SourceEvent, SourceId } from '@isthmus/model';
import fc from 'fast-check';
import { Catalog } from './catalog.ts';
import { DEFAULT_RULES } from './merge-rules.ts';
import type { MergeRules } from './merge-rules.ts';
import { textPattern } from './service-pattern.ts';
import { endpoint, record } from './testing/records.ts';
import { catalogOf, merge, rulesOf } from './testing/unguarded.ts';

const LABEL_KEY = /^(?:[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?\/)?[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;
const LABEL_VALUE = /^(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$/;
const mapped = (rules: Partial<MergeRules>, r: ServiceRecord) => rulesOf(rules).map(r);

describe('a pattern of services', () => {
  const matches = (pattern: string, name = 'orders') =>
    rulesOf({ services: { include: [pattern], exclude: [] } }).excludedBy(record(name, []).key) === undefined;

  test('has stars for any characters, slashes included, and otherwise means what it says', () => {
    expect(['*', 'a/*', '*/orders', 'a/ns/g/orders', 'a/*/*/ord*'].map((p) => matches(p))).toEqual([
      true,
      true,
      true,
      true,
      true,
    ]);
    expect(['b/*', 'a/ns/g/order', 'A/ns/g/orders', 'a/ns/g/.rders'].map((p) => matches(p))).toEqual([
      false,
      false,
      false,
      false,
    ]);
  });

  test('finds a name as its registry has it and as ids show it', () => {
    expect(matches('*/providers:com.shop.Orders:*', 'providers:com.shop.Orders:1.0:')).toBe(true);
    expect(matches('*/providers%3Acom.shop.Orders%3A*', 'providers:com.shop.Orders:1.0:')).toBe(true);
  });

  test('is taken literally but for its stars, whatever signs it has', () => {
    fc.assert(fc.property(fc.string(), (text) => textPattern(text.replaceAll('*', 'x'))(text.replaceAll('*', 'x'))));
  });
});

describe('hosts', () => {
  const at = (host: string) => [{ services: '*', host }];
  const named = (name: string, port: number, source = 'a') => record(name, [endpoint({ port })], { source });
  const ports = (service: MeshService | undefined) => service?.endpoints.map((e) => e.endpoint.port);

  test('of two names that look the same as DNS names are a visible conflict, with and without a rule', () => {
    const [a, b] = [named('a_b', 1), { ...named('a-b', 2), host: 'a_b.test' as MeshHost }];
    for (const rules of [{}, { hosts: at('{name}.mesh') }]) {
      const merged = merge(rules, [a, b]);
      expect(merged?.origins).toEqual(['a/ns/g/a-b']);
      expect(merged?.diagnostics).toMatchObject([
        { code: 'host.conflict', where: 'a/ns/g/a-b', what: expect.stringContaining('a/ns/g/a_b') },
      ]);
    }
  });

  test('are one where a rule calls the services the same, without case', () => {
    const merged = merge({ hosts: at('{name}.mesh') }, [named('orders', 1), named('ORDERS', 2, 'b')], 'orders.mesh');
    expect(ports(merged)).toEqual([1, 2]);
    expect(merged?.diagnostics).toEqual([]);
  });

  test('with policy first are served by the first registry that has an instance that works, by the next when it has none', () => {
    const rules = {
      hosts: [{ services: '*', host: 'orders.mesh', policy: 'first' as const }],
      precedence: ['b' as SourceId, 'a' as SourceId],
    };
    const sick = record('orders', [endpoint({ port: 2, health: 'unhealthy' })], { source: 'b' });
    expect(ports(merge(rules, [named('orders', 1), named('orders', 2, 'b')]))).toEqual([2]);
    expect(ports(merge(rules, [named('orders', 1), sick]))).toEqual([1]);
    expect(ports(merge(rules, [sick]))).toEqual([2]);
  });

  test('of services that are excluded do not exist, and the rule is told', () => {
    const rules = { services: { include: ['*'], exclude: ['*/test-*', 'b/*'] } };
    expect(merge(rules, [named('orders', 2, 'b')])).toBeUndefined();
    expect(rulesOf(rules).excludedBy(named('orders', 2, 'b').key)).toBe('merge.services.exclude[1]');
    expect(rulesOf({ services: { include: ['a/*'], exclude: [] } }).excludedBy(named('orders', 2, 'b').key)).toBe(
      'merge.services.include',
    );
  });
});

describe('protocols and ports', () => {
  const dubbo = record('orders', [endpoint({ protocol: 'tcp', metadata: { protocol: 'Dubbo' } }), endpoint({ port: 1 })]);

  test('are mapped from what the registry calls them, and explain says so', () => {
    const { record: r, did } = mapped({ protocols: [{ services: '*', from: 'dubbo', protocol: 'grpc' }] }, dubbo);
    expect(r.endpoints.map((e) => e.protocol)).toEqual(['http', 'grpc']);
    expect(did).toEqual(['merge.protocols[0]: dubbo is grpc (1 endpoint)']);
  });

  test('that a rule names are no unknown protocols any more', () => {
    const unknown = {
      ...record('orders', [endpoint({ instanceId: 'x', protocol: 'tcp', metadata: { protocol: 'foo' } })]),
      diagnostics: [
        {
          code: 'port.unknown-protocol',
          severity: 'warning',
          where: 'a/ns/g/orders x',
          what: '',
          meaning: '',
          remedy: '',
        } as const,
      ],
    };
    expect(mapped({ protocols: [{ services: '*', protocol: 'redis' }] }, unknown).record.diagnostics).toEqual([]);
    expect(mapped({ protocols: [{ services: 'b/*', protocol: 'redis' }] }, unknown).record.diagnostics).toHaveLength(1);
  });

  test('have one stable service port, per protocol or per service', () => {
    const rules = { ports: { tcp: 9100 }, servicePorts: [{ services: '*/orders', ports: { http: 8080 } }] };
    expect(merge(rules, [dubbo])?.ports.map((p) => p.name)).toEqual(['http-8080', 'tcp-9100']);
    expect(merge(rules, [record('stock', [endpoint()])])?.ports.map((p) => p.name)).toEqual(['http-80']);
  });
});

describe('labels', () => {
  const metadata = { version: 'v1', app_version: 'v2', 'team/owner': 'x', secret: 'y' };
  const orders = record('orders', [endpoint({ labels: metadata, metadata })]);
  const labels = (rules: Partial<MergeRules['labels']>) =>
    mapped({ labels: { ...DEFAULT_RULES.labels, ...rules } }, orders).record.endpoints[0];

  test('are kept, dropped and renamed by name; the metadata stays', () => {
    expect(labels({ drop: ['sec*'], rename: { 'team/owner': 'owner' } })?.labels).toEqual({
      version: 'v1',
      app_version: 'v2',
      owner: 'x',
    });
    expect(labels({ keep: ['version'] })?.labels).toEqual({ version: 'v1' });
    expect(labels({ drop: ['*'] })?.metadata).toEqual(metadata);
  });

  test('that are renamed to what is there already give way', () => {
    expect(labels({ rename: { app_version: 'version' } })?.labels['version']).toBe('v1');
    expect(labels({ rename: { app_version: 'version' }, drop: ['version'] })?.labels).toEqual({
      version: 'v2',
      'team/owner': 'x',
      secret: 'y',
    });
  });

  test('stay valid, whatever is renamed', () => {
    const key = fc.stringMatching(/^[A-Za-z0-9][-A-Za-z0-9_.]{0,20}[A-Za-z0-9]$/);
    const value = fc.stringMatching(/^[A-Za-z0-9]{0,10}$/);
    const names = fc.array(fc.constantFrom('*', 'a*', '*b', 'version', 'zone'), { maxLength: 3 });
    fc.assert(
      fc.property(fc.dictionary(key, value), fc.dictionary(key, key), names, names, (given, rename, keep, drop) => {
        const r = record('orders', [endpoint({ labels: given, metadata: given })]);
        const [e] = mapped({ labels: { keep, drop, rename } }, r).record.endpoints;
        for (const [k, v] of Object.entries(e?.labels ?? {}))
          expect([LABEL_KEY.test(k), LABEL_VALUE.test(v)]).toEqual([true, true]);
        expect(Object.keys(e?.labels ?? {}).length).toBeLessThanOrEqual(Object.keys(given).length);
      }),
    );
  });
});

describe('locality and weight', () => {
  test('a locality is read from the metadata that the config names, else it is the default of its registry or cluster', () => {
    const locality = {
      region: ['aws-region', 'dc'],
      zone: ['az'],
      subzone: [],
      defaults: [
        { services: 'a/*', cluster: 'hz', locality: 'cn/hangzhou/1' },
        { services: 'a/*', locality: 'cn' },
      ],
    };
    const of = (fields: Parameters<typeof endpoint>[0]) =>
      mapped({ locality }, record('orders', [endpoint(fields)])).record.endpoints[0]?.locality;
    expect(of({ metadata: { dc: 'eu', az: 'eu-1' } })).toEqual({ region: 'eu', zone: 'eu-1', subzone: '' });
    expect(of({ metadata: { az: 'eu-1' } })).toEqual({ region: 'cn', zone: 'eu-1', subzone: '' });
    expect(of({ cluster: 'hz' })).toEqual({ region: 'cn', zone: 'hangzhou', subzone: '1' });
    expect(of({})).toEqual({ region: 'cn', zone: '', subzone: '' });
    expect(of({ locality: { region: 'us', zone: '', subzone: '' } })).toEqual({ region: 'us', zone: '', subzone: '' });
  });

  test('weights of a registry are scaled against those of another; fractions stay, 0 takes all traffic away', () => {
    const scale = (scale_: number, weight: number) =>
      mapped({ weights: [{ services: 'a/*', scale: scale_ }] }, record('orders', [endpoint({ weight })])).record.endpoints[0]
        ?.weight;
    expect([scale(0.1, 1), scale(0.5, 0.5), scale(100, 9_999), scale(0, 1), scale(3, 0)]).toEqual([0.1, 0.25, 10_000, 0, 0]);
  });
});

describe('namespaces', () => {
  const orders = record('orders', [endpoint()]);
  const place = (rules: Partial<MergeRules>, r: ServiceRecord = orders) => {
    const merged = merge(rules, [r]);
    return [merged?.namespace, merged?.exportTo];
  };

  test('come from rules, with the parts of the id, then from what the source declares, then the default', () => {
    expect(place({})).toEqual(['isthmus', undefined]);
    expect(place({}, { ...orders, meshNamespace: 'shop', exportTo: ['.'] })).toEqual(['shop', ['.']]);
    expect(place({ namespaces: [{ services: 'a/*', namespace: 'Tenant_{namespace}', exportTo: ['web'] }] })).toEqual([
      'tenant-ns',
      ['web'],
    ]);
    expect(place({ namespaces: [{ services: 'a/*', exportTo: ['*'] }] }, { ...orders, meshNamespace: 'shop' })).toEqual([
      'shop',
      ['*'],
    ]);
    expect(place({ namespaces: [{ services: 'b/*', namespace: 'x' }] })).toEqual(['isthmus', undefined]);
  });
});

describe('declared addresses', () => {
  const declared = (name: string, vip: string, source = 'a'): ServiceRecord => ({
    ...record(name, [endpoint()], { source }),
    vip,
  });
  const upsert = (service: ServiceRecord): SourceEvent => ({ kind: 'upsert', service });
  const vipOf = (catalog: Catalog, name: string) => catalog.merged(`${name}.test` as MeshHost)?.vip;

  test('win over allocated ones', () => {
    const catalog = catalogOf({});
    catalog.apply(upsert(declared('orders', '10.96.0.7')));
    expect(vipOf(catalog, 'orders')).toBe('10.96.0.7');
  });

  test('that two hosts declare are a visible conflict, decided by precedence, and settled when one goes', () => {
    const catalog = catalogOf({ precedence: ['b' as SourceId] });
    catalog.apply(upsert(declared('orders', '10.96.0.7')));
    const dirty = catalog.apply(upsert(declared('stock', '10.96.0.7', 'b')));
    expect([...dirty].sort()).toEqual(['orders.test', 'stock.test']);
    expect(vipOf(catalog, 'stock')).toBe('10.96.0.7');
    expect(vipOf(catalog, 'orders')).toMatch(/^240\.241\./);
    expect(catalog.merged('orders.test' as MeshHost)?.diagnostics).toMatchObject([
      { code: 'vip.conflict', where: 'a/ns/g/orders' },
    ]);
    expect([...catalog.hostsWithoutTheirAddress()]).toEqual([['orders.test', 'b/ns/g/stock']]);
    expect([...catalog.apply({ kind: 'remove', key: declared('stock', '', 'b').key })].sort()).toEqual([
      'orders.test',
      'stock.test',
    ]);
    expect(vipOf(catalog, 'orders')).toBe('10.96.0.7');
  });

  test('of services that are excluded count for nothing', () => {
    const catalog = catalogOf({ services: { include: ['*'], exclude: ['a/*'] } });
    catalog.apply(upsert(declared('orders', '10.96.0.7')));
    catalog.apply(upsert(declared('stock', '10.96.0.7', 'b')));
    expect(vipOf(catalog, 'stock')).toBe('10.96.0.7');
  });

  test('take an address away from a host that had it from us', () => {
    const catalog = catalogOf({});
    catalog.apply(upsert(record('orders', [endpoint()])));
    const ours = vipOf(catalog, 'orders') ?? '';
    expect([...catalog.apply(upsert(declared('stock', ours)))].sort()).toEqual(['orders.test', 'stock.test']);
    expect(vipOf(catalog, 'stock')).toBe(ours);
    expect(vipOf(catalog, 'orders')).not.toBe(ours);
  });
});
