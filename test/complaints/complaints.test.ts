import { describe, expect, test } from '@jest/globals';
import { fromBinary } from '@bufbuild/protobuf';
import { Catalog, DEFAULT_GUARD, DEFAULT_RULES } from '@isthmus/catalog';
import type { MergeRules } from '@isthmus/catalog';
import { WatchedCatalog, endpoint, record, snapshotOf } from '@isthmus/catalog/testing';
import { MemoryLedger } from '@isthmus/ledger';
import { backoff, systemClock } from '@isthmus/model';
import type { Endpoint, MeshHost, MeshService, ServiceRecord, SourceId } from '@isthmus/model';
import { ClusterLoadAssignmentSchema } from '@isthmus/proto/envoy';
import { buildRecord, meshHostName } from '@isthmus/registry';
import type { RawInstance } from '@isthmus/registry';
import { endpointResources, istioYaml, serviceEntryResources } from '@isthmus/translate';
import { parseAllDocuments } from 'yaml';

/**
 * What users of other bridges complain about, each as a behaviour of ours; docs/complaints.md lists them all. These are the
 * ones that are about the way from a registry's words to what Envoy and istiod are told; the others are beside
 * the source, sink or output that they concern.
 */

const watched = (rules: Partial<MergeRules> = {}) => new WatchedCatalog(new MemoryLedger(), { rules });
const hostOf = (name: string) => `${name}.test` as MeshHost;
const upsert = (service: ServiceRecord) => ({ kind: 'upsert', service }) as const;
const service = (name: string, ports: readonly number[], fields: Partial<Endpoint> = {}, source = 'a') =>
  record(
    name,
    ports.map((port) => endpoint({ port, ...fields })),
    { source },
  );

function merged(records: readonly ServiceRecord[], rules: Partial<MergeRules> = {}, host = records[0]?.host): MeshService {
  const found = watched(rules)
    .say(...records.map(upsert))
    .catalog.merged(host as MeshHost);
  if (found === undefined) throw new Error(`${host} has no endpoints`);
  return found;
}

/** What Envoy is told: address:port and weight of every endpoint. */
function toEnvoy(of: MeshService): readonly string[] {
  return endpointResources(of)
    .flatMap(({ bytes }) => fromBinary(ClusterLoadAssignmentSchema, bytes).endpoints)
    .flatMap((locality) => locality.lbEndpoints)
    .map(({ hostIdentifier, loadBalancingWeight }) => {
      const address = hostIdentifier.case === 'endpoint' ? hostIdentifier.value.address?.address : undefined;
      const socket = address?.case === 'socketAddress' ? address.value : undefined;
      return `${socket?.address}:${socket?.portSpecifier.value} ${loadBalancingWeight}`;
    });
}

interface Entry {
  readonly metadata: { readonly namespace: string };
  readonly spec: {
    readonly addresses?: readonly string[];
    readonly ports: readonly { readonly number: number; readonly name: string; readonly protocol: string }[];
    readonly endpoints?: readonly {
      readonly address: string;
      readonly ports: Readonly<Record<string, number>>;
      readonly weight: number;
    }[];
    readonly exportTo?: readonly string[];
  };
}

/** What istiod is told. */
function toIstiod(of: MeshService): readonly Entry[] {
  return parseAllDocuments(istioYaml([of])).map((document) => document.toJS() as Entry);
}

describe('nothing that lives is deleted', () => {
  test('slime#389: a partial fetch deletes nothing; only a complete read does', () => {
    const made = watched().say(snapshotOf([service('orders', [1, 2]), service('stock', [3])]));
    made.status({ state: 'live' }).status({ state: 'partial', cause: 'page 2 could not be read' });
    made.say(upsert(service('orders', [1, 2, 4]))); // what of it could be read
    expect([made.ports('orders'), made.ports('stock')]).toEqual([[1, 2, 4], [3]]);
    made.status({ state: 'stale', since: 1, cause: 'connection reset' }).wait(3_600_000);
    expect([made.ports('orders'), made.ports('stock')]).toEqual([[1, 2, 4], [3]]);
    made.say(snapshotOf([service('orders', [1, 2, 4])])).status({ state: 'live' });
    expect(made.ports('stock')).toEqual([]);
  });

  test('higress#1546 #1566: empty means the same for every source: gone services go, an emptied registry is doubted', () => {
    const ways = [
      (made: WatchedCatalog) => made.remove('orders'),
      (made: WatchedCatalog) => made.say(upsert(service('orders', []))),
      (made: WatchedCatalog) => made.say(snapshotOf([service('stock', [2])])),
      (made: WatchedCatalog) => made.say(snapshotOf([service('orders', []), service('stock', [2])])),
    ];
    for (const way of ways) {
      const made = watched()
        .say(snapshotOf([service('orders', [1]), service('stock', [2])]))
        .status({ state: 'live' });
      expect(way(made).catalog.merged(hostOf('orders'))).toBeUndefined();
      expect(made.ports('stock')).toEqual([2]);
    }
    for (const nothing of [[], [service('orders', []), service('stock', [])]]) {
      const made = watched()
        .say(snapshotOf([service('orders', [1]), service('stock', [2])]))
        .status({ state: 'live' });
      made.say(snapshotOf(nothing));
      expect([made.ports('orders'), made.ports('stock')]).toEqual([[1], [2]]);
      made.wait(30_000);
      expect([made.ports('orders'), made.ports('stock')]).toEqual([[], []]);
    }
  });

  test('nacos-sync: an empty answer of Eureka deletes nothing in any output before it is confirmed', () => {
    const full = Array.from({ length: 40 }, (_, n) => service(`s${n}`, [8000 + n]));
    const made = watched().say(snapshotOf(full)).status({ state: 'live' });
    const before = [...made.catalog.hosts()].map((host) => made.catalog.merged(host));
    made.say(snapshotOf([])).wait(29_000);
    expect([...made.catalog.hosts()].map((host) => made.catalog.merged(host))).toEqual(before);
    expect(made.scope.held).toMatchObject({ removing: 40, of: 40 });
    made.say(snapshotOf(full)).wait(60_000);
    expect([...made.catalog.hosts()].map((host) => made.catalog.merged(host))).toEqual(before);
  });

  test('higress#1322: one instance that cannot be dialled costs itself, not its application', () => {
    const raw = (address: unknown, port: unknown = 8080): RawInstance => ({
      instanceId: String(address),
      address,
      port,
      weight: 1,
      health: 'healthy',
      metadata: {},
    });
    const key = service('orders', []).key;
    const built = buildRecord(key, hostOf('orders'), [
      raw('10.0.0.1'),
      raw('10.0.0.256'),
      raw(null),
      raw('10.0.0.2', 70_000),
      raw('10.0.0.3'),
    ]);
    if (!('record' in built)) throw new Error('the service was rejected');
    expect(built.record.endpoints.map((e) => e.address)).toEqual(['10.0.0.1', '10.0.0.3']);
    expect(built.record.diagnostics.map((d) => d.code).sort()).toEqual(['address.invalid', 'address.invalid', 'port.invalid']);
    expect(toEnvoy(merged([built.record]))).toHaveLength(2);
  });
});

describe('what gets traffic', () => {
  test('higress#2369 #3737: an instance that is unhealthy or disabled gets none, whatever the source', () => {
    const mixed = record('orders', [
      endpoint({ port: 1 }),
      endpoint({ port: 2, health: 'unhealthy' }),
      endpoint({ port: 3, health: 'disabled' }),
    ]);
    expect(toEnvoy(merged([mixed]))).toEqual(['10.0.0.1:1 100']);
    expect(toIstiod(merged([mixed])).flatMap((e) => e.spec.endpoints ?? [])).toHaveLength(1);
  });

  test('istio#28054 #36865: weight 0 is no weight of 1: the instance is left out', () => {
    const mixed = record('orders', [endpoint({ port: 1 }), endpoint({ port: 2, weight: 0 })]);
    expect(toEnvoy(merged([mixed]))).toEqual(['10.0.0.1:1 100']);
    expect(toIstiod(merged([mixed]))[0]?.spec.endpoints).toMatchObject([{ weight: 100 }]);
  });

  test('fractional weights: 0.5 is half of 1, also when a rule scales a registry', () => {
    const mixed = record('orders', [
      endpoint({ port: 1 }),
      endpoint({ port: 2, weight: 0.5 }),
      endpoint({ port: 3, weight: 0.25 }),
    ]);
    expect(toEnvoy(merged([mixed]))).toEqual(['10.0.0.1:1 100', '10.0.0.1:2 50', '10.0.0.1:3 25']);
    expect(toEnvoy(merged([mixed], { weights: [{ services: 'a/*', scale: 0.1 }] }))).toEqual([
      '10.0.0.1:1 10',
      '10.0.0.1:2 5',
      '10.0.0.1:3 3',
    ]);
    expect(toIstiod(merged([mixed]))[0]?.spec.endpoints?.map((e) => e.weight)).toEqual([100, 50, 25]);
  });

  test('nacos#8742: a change of any mapped field is a change, also of weight or labels alone', () => {
    const plain = endpoint({ port: 1 });
    const changes: readonly Partial<Endpoint>[] = [
      { weight: 2 },
      { labels: { version: 'v2' } },
      { metadata: { version: 'v2' } },
      { health: 'unhealthy' },
      { protocol: 'grpc' },
      { cluster: 'other' },
      { network: 'other' },
      { identity: 'spiffe://shop/orders' },
      { instanceId: 'other' },
      { locality: { region: 'r', zone: '', subzone: '' } },
      { port: 2 },
      { address: '10.0.0.2' },
    ];
    for (const change of changes) {
      const made = watched().say(upsert(record('orders', [plain])));
      const dirty = made.catalog.apply(upsert(record('orders', [{ ...plain, ...change }])));
      expect([change, [...dirty]]).toEqual([change, ['orders.test']]);
    }
    const made = watched().say(upsert(record('orders', [plain])));
    expect([...made.catalog.apply(upsert(record('orders', [{ ...plain }])))]).toEqual([]);
  });
});

describe('ports and addresses', () => {
  test('higress#2511 #2513 #2859: the service port is stable, and each instance is called at its own', () => {
    const first = merged([record('orders', [endpoint({ port: 8080 }), endpoint({ port: 9090 })])]);
    const later = merged([record('orders', [endpoint({ port: 7070 }), endpoint({ port: 9090 })])]);
    expect(later.ports).toEqual(first.ports);
    expect(first.ports).toEqual([{ number: 80, name: 'http-80', protocol: 'http' }]);
    expect(toEnvoy(first)).toEqual(['10.0.0.1:8080 100', '10.0.0.1:9090 100']);
    expect(toIstiod(first)[0]?.spec.endpoints?.map((e) => e.ports)).toEqual([{ 'http-80': 8080 }, { 'http-80': 9090 }]);
  });

  test('istio#23494 #36596: callers need no instance address: a host has a stable port, and one address that stays', () => {
    const made = watched().say(snapshotOf([service('db', [5432], { protocol: 'tcp' })]));
    const before = made.catalog.merged(hostOf('db')) as MeshService;
    const [entry] = toIstiod(before);
    expect(entry?.spec.addresses).toEqual([expect.stringMatching(/^240\.241\./)]);
    expect(entry?.spec.ports).toMatchObject([{ number: 9000, name: 'tcp-9000', protocol: 'TCP' }]);
    made.say(upsert(service('db', [6000, 6001], { protocol: 'tcp', address: '10.9.9.9' }))).restart();
    const after = made.catalog.merged(hostOf('db')) as MeshService;
    expect([after.vip, after.ports]).toEqual([before.vip, before.ports]);
  });

  test('nacos#2068 #8837: names such as providers:… become legal hosts, and the key stays what it was', () => {
    const name = 'providers:com.shop.OrderService:1.0.0:green';
    const host = meshHostName([name, 'DEFAULT_GROUP', 'public'], 'nacos');
    expect(host).toBe('providers-com.shop.orderservice-1.0.0-green.default-group.public.nacos');
    const made = watched().say(upsert({ ...service(name, [20880]), host: host as MeshHost }));
    expect(made.catalog.merged(host as MeshHost)?.origins).toEqual([`a/ns/g/${encodeURIComponent(name)}`]);
    expect(made.catalog.recordsOf(host as MeshHost)[0]?.record.key.name).toBe(name);
  });
});

describe('one host, several sources', () => {
  test('istio#44084 #52546: a host that several claim is decided by precedence, in sight, and joined only by a rule', () => {
    const claims = [service('orders', [1]), service('orders', [2], {}, 'b')];
    for (const precedence of [['a'], ['b']] as SourceId[][]) {
      for (const order of [claims, claims.toReversed()]) {
        const found = merged(order, { precedence });
        expect(found.origins).toEqual([`${precedence[0]}/ns/g/orders`]);
        expect(found.diagnostics).toMatchObject([{ code: 'host.conflict', severity: 'error' }]);
      }
    }
    const joined = merged(claims, { hosts: [{ services: '*/orders', host: 'orders.mesh' }] }, 'orders.mesh' as MeshHost);
    expect([joined.origins.length, joined.diagnostics]).toEqual([2, []]);
  });

  test('higress#3711: include and exclude choose what becomes a host', () => {
    const made = watched({ services: { include: ['a/*'], exclude: ['*/test-*'] } });
    made.say(upsert(service('orders', [1])), upsert(service('test-orders', [2])), upsert(service('stock', [3], {}, 'b')));
    expect(['orders', 'test-orders', 'stock'].map((name) => made.ports(name))).toEqual([[1], [], []]);
  });

  test('higress#1400 #1700: tenants are sources, namespaces and exportTo', () => {
    const rules = { namespaces: [{ services: '*', namespace: 'tenant-{source}', exportTo: ['.'] }] };
    const of = (source: string) => toIstiod(merged([service('orders', [1], {}, source)], rules))[0];
    expect([of('a')?.metadata.namespace, of('b')?.metadata.namespace]).toEqual(['tenant-a', 'tenant-b']);
    expect(of('a')?.spec.exportTo).toEqual(['.']);
    // Two clusters with a service of one name: hosts name the registry's namespace, and a clash is seen (istio#44084).
    expect(meshHostName(['orders', 'DEFAULT_GROUP', 'tenant-a'], 'nacos')).not.toBe(
      meshHostName(['orders', 'DEFAULT_GROUP', 'tenant-b'], 'nacos'),
    );
  });
});

describe('work', () => {
  test('higress#1615: of 10,000 services that are read again, the one that changed is work', () => {
    const many = Array.from({ length: 10_000 }, (_, n) => service(`s${n}`, [8000, 8001]));
    const catalog = new Catalog({
      rules: DEFAULT_RULES,
      guard: DEFAULT_GUARD,
      ledger: new MemoryLedger(),
      clock: systemClock,
      allocateVips: true,
    });
    expect(catalog.apply(snapshotOf(many)).size).toBe(10_000);
    expect([...catalog.apply(snapshotOf(many))]).toEqual([]);
    const next = many.with(4_711, service('s4711', [8000, 8002]));
    expect([...catalog.apply(snapshotOf(next))]).toEqual(['s4711.test']);
    expect([...catalog.apply(upsert(service('s4711', [8000])))]).toEqual(['s4711.test']);
    const [resource] = serviceEntryResources(catalog.merged(hostOf('s4711')) as MeshService).resources;
    expect(resource?.name).toBe('isthmus/s4711.test');
  });

  test('slime#460 #441: a thousand clients that lost one server come back spread over time, each less and less often', () => {
    let seed = 1;
    const random = () => (seed = (seed * 16_807) % 2_147_483_647) / 2_147_483_647;
    for (const attempt of [0, 3, 6]) {
      const waits = Array.from({ length: 1_000 }, () => backoff(attempt, random));
      const ceiling = 200 * 2 ** attempt;
      expect(Math.min(...waits)).toBeGreaterThanOrEqual(ceiling / 2);
      expect(Math.max(...waits)).toBeLessThanOrEqual(ceiling);
      // No tenth of the time sees more than a fifth of them.
      const tenths = Map.groupBy(waits, (wait) => Math.floor((wait / ceiling - 0.5) * 20));
      expect(Math.max(...tenths.values().map((list) => list.length))).toBeLessThan(200);
    }
    expect(backoff(50, () => 1)).toBe(30_000);
  });
});
