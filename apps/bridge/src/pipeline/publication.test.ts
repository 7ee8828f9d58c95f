import { describe, expect, test } from '@jest/globals';
import { Catalog, DEFAULT_GUARD, DEFAULT_RULES } from '@isthmus/catalog';
import { endpoint, record } from '@isthmus/catalog/testing';
import type { PublishConfig } from '@isthmus/config';
import { MemoryLedger } from '@isthmus/ledger';
import type { MeshHost, MeshService, ServiceRecord, SourceId } from '@isthmus/model';
import { marksToMetadata } from '@isthmus/registry';
import { publicationOf, publishRule } from './publication.ts';

const CONFIG: PublishConfig = {
  to: 'shop' as SourceId,
  services: ['*'],
  address: 'instance',
  gateways: [],
  sidecarPort: undefined,
  port: undefined,
  name: '{name}',
  namespace: '',
  group: '',
  metadata: {},
  ttlMs: 30_000,
};

function merged(host: string, ...records: readonly ServiceRecord[]): MeshService {
  const hosts = [{ services: '*', host: `${host}` }];
  const catalog = new Catalog({
    rules: { ...DEFAULT_RULES, hosts },
    guard: DEFAULT_GUARD,
    ledger: new MemoryLedger(),
    clock: { now: () => 0 },
    allocateVips: false,
  });
  for (const service of records) catalog.apply({ kind: 'upsert', service });
  const service = catalog.merged(host as MeshHost);
  if (service === undefined) throw new Error('no service');
  return service;
}

const publication = (service: MeshService, config: Partial<PublishConfig> = {}) =>
  publicationOf(service, publishRule({ ...CONFIG, ...config }));
const places = (service: MeshService, config: Partial<PublishConfig> = {}) =>
  publication(service, config)?.instances.map(({ address, port }) => `${address}:${port}`);

describe('what a host is published as', () => {
  const orders = merged(
    'orders.test',
    record('orders', [
      endpoint({ address: '10.0.0.1', weight: 2, metadata: { version: 'v1', 'preserved.x': 'y', secure: 'true' } }),
      endpoint({ address: '10.0.0.2', health: 'unhealthy' }),
      endpoint({ address: '10.0.0.3', weight: 0 }),
    ]),
  );

  test('instance: what takes traffic, with its weight, its own metadata and its origin', () => {
    expect(publication(orders, { metadata: { team: 'shop' } })).toEqual({
      host: 'orders.test',
      at: { namespace: '', group: '', name: 'orders' },
      instances: [
        {
          address: '10.0.0.1',
          port: 8080,
          protocol: 'http',
          weight: 2,
          metadata: { version: 'v1', team: 'shop' },
          origin: 'a/ns/g/orders',
          path: [],
          source: 'a',
        },
      ],
      ttlMs: 30_000,
    });
  });

  test('sidecar: the same addresses on the sidecar’s port', () => {
    expect(places(orders, { address: 'sidecar', sidecarPort: 15_008 })).toEqual(['10.0.0.1:15008']);
  });

  test('gateway: its addresses, and nothing that one instance says of itself', () => {
    const gateways = [
      { address: '10.1.0.2', port: 80 },
      { address: '10.1.0.1', port: 80 },
    ];
    const there = publication(orders, { address: 'gateway', gateways });
    expect(there?.instances.map((i) => i.address)).toEqual(['10.1.0.1', '10.1.0.2']);
    expect(there?.instances[0]).toMatchObject({ weight: 1, metadata: {}, origin: 'a/ns/g/orders' });
    const down = merged('down.test', record('down', [endpoint({ health: 'unhealthy' }), endpoint({ port: 81, weight: 0 })]));
    expect(publication(down, { address: 'gateway', gateways })).toBeUndefined();
  });

  test('a service without instances that take traffic is not published by instance', () => {
    expect(publication(merged('down.test', record('down', [endpoint({ health: 'unhealthy' })])))).toBeUndefined();
  });

  test('a registry’s own instances never go back into it; what is elsewhere does', () => {
    const own = record('orders', [endpoint({ address: '10.0.0.1' })], { source: 'shop' });
    const other = record('orders', [endpoint({ address: '10.0.0.2' })], { source: 'k8s' });
    expect(publication(merged('orders.test', own))).toBeUndefined();
    expect(places(merged('orders.test', own, other))).toEqual(['10.0.0.2:8080']);
  });

  test('what another mesh published keeps its origin, and its path goes on', () => {
    const metadata = marksToMetadata({ mesh: 'them', origin: 'hq/dc1//orders', path: ['them'], owner: 'x', version: 'y' });
    const there = publication(merged('orders.test', record('orders', [endpoint({ metadata })])));
    expect(there?.instances[0]).toMatchObject({ origin: 'hq/dc1//orders', path: ['them'], metadata: {}, source: 'a' });
  });

  test('the name is made of the parts of the service’s id, or of the host', () => {
    const at = { name: '{source}-{namespace}-{group}-{name}', namespace: 'dev', group: 'MESH' };
    expect(publication(orders, at)?.at).toEqual({ namespace: 'dev', group: 'MESH', name: 'a-ns-g-orders' });
    expect(publication(orders, { name: '{host}' })?.at.name).toBe('orders.test');
  });

  test('of several ports the first HTTP-like one is published, or the one that is named', () => {
    const two = merged(
      'two.test',
      record('two', [endpoint({ port: 3306, protocol: 'mysql' }), endpoint({ port: 9090, protocol: 'grpc' })]),
    );
    expect(places(two)).toEqual(['10.0.0.1:9090']);
    expect(places(two, { port: 3306 })).toEqual(['10.0.0.1:3306']);
    expect(places(two, { port: 'mysql-3306' })).toEqual(['10.0.0.1:3306']);
    expect(places(two, { port: 1 })).toBeUndefined();
  });

  test.each([
    [['*'], true],
    [['orders.*'], true],
    [['Orders.Test'], true],
    [['a/ns/g/orders'], true],
    [['a/*'], true],
    [['b/*', 'payments.*'], false],
    [['a/*/*/payments'], false],
  ])('patterns are hosts or, with a slash, service ids: %j matches: %s', (services, matches) => {
    expect(publishRule({ ...CONFIG, services }).matches(orders)).toBe(matches);
  });
});
