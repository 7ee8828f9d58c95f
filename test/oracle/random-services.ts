import fc from 'fast-check';

// ServiceEntries and WorkloadEntries of every shape that validation lets, over a handful of hosts.

/** Hosts with the namespace that has them; services of one host are in two namespaces now and then. */
export const MESH_HOSTS = [
  'orders.shop.svc.cluster.local',
  'carts.team.svc.cluster.local',
  'api.example',
  'db.example',
  'a.wild.example',
  '*.wild.example',
  'x-eu.example',
  '*-eu.example',
] as const;
export type MeshHostName = (typeof MESH_HOSTS)[number];

const one = <const T>(...values: readonly T[]): fc.Arbitrary<T> => fc.constantFrom(...values);
const named = (number: number, protocol: string) => ({ number, name: `${protocol.toLowerCase()}-${number}`, protocol });
const PORTS = [
  named(80, 'HTTP'),
  named(80, 'HTTP'),
  named(80, 'TCP'),
  named(80, 'GRPC'),
  named(8080, 'HTTP'),
  named(8080, 'HTTP2'),
  named(8080, 'TCP'),
  named(443, 'TLS'),
  named(443, 'HTTPS'),
  named(443, 'HTTP'),
  named(443, 'TCP'),
  named(3306, 'MYSQL'),
  named(3306, 'TCP'),
  named(3306, 'TLS'),
  named(6379, 'REDIS'),
  named(27017, 'MONGO'),
];
const ports = fc
  .uniqueArray(one(...PORTS), { selector: ({ number }) => number, minLength: 1, maxLength: 3 })
  .chain((chosen) => fc.record({ chosen: fc.constant(chosen), target: one(undefined, undefined, 9090) }))
  .map(({ chosen, target }) =>
    chosen.map((port, n) => (n === 0 && target !== undefined ? { ...port, targetPort: target } : port)),
  );

const locality = one(undefined, undefined, 'eu/a', 'eu/b', 'us/a/x');
const labels = one({ version: 'v1' }, { version: 'v2' }, { version: 'v1', app: 'web' });
const endpoint = fc.record({
  labels,
  locality,
  weight: one(undefined, undefined, 1, 3),
  port: one(undefined, undefined, undefined, 9999),
});

/** The node itself is one of them now and then, with its own labels: of a node it has others for, istiod takes away what it says itself. */
const OWN = '10.9.9.9';

const service = (host: MeshHostName, n: number) =>
  fc
    .record({
      namespace: one('shop', 'team'),
      year: one(undefined, undefined, 2023, 2024),
      // Envoy takes no partial wildcards as names of servers, and ours sends it none.
      ports: ports.filter(
        (list) => !/^\*[^.]/.test(host) || list.every(({ protocol }) => protocol !== 'TLS' && protocol !== 'HTTPS'),
      ),
      location: one('MESH_INTERNAL', 'MESH_INTERNAL', 'MESH_EXTERNAL'),
      resolution: one('STATIC', 'STATIC', 'STATIC', 'STATIC', 'NONE', 'DNS', 'DNS_ROUND_ROBIN'),
      // istiod is not the same on every run with several addresses, and with one that two HTTP services have.
      addresses: one<readonly string[]>([], [], [`10.96.0.${n}`], [`10.97.${n}.0/24`]),
      exportTo: one(undefined, undefined, undefined, ['*'], ['.'], ['team'], ['~'], ['shop', 'team']),
      endpoints: fc.array(endpoint, { maxLength: 3 }),
      isOwn: fc.nat(3).map((x) => x === 0),
      bySelector: fc.nat(4).map((x) => x === 0),
    })
    .map(({ namespace, year, endpoints, isOwn, bySelector, resolution, addresses, ...rest }): object => {
      const spec = {
        hosts: [host],
        ...rest,
        resolution,
        addresses: addresses.some((each) => each.includes('/')) && resolution.startsWith('DNS') ? [] : addresses,
        ...(bySelector ? { workloadSelector: { labels: { app: 'web' } } } : {}),
        ...(!bySelector && resolution !== 'NONE' ? { endpoints: endpointsOf(n, endpoints, { resolution, isOwn }) } : {}),
      };
      return objectOf('ServiceEntry', `entry-${n}`, namespace, spec, year);
    });

function endpointsOf(
  n: number,
  endpoints: readonly { readonly port: number | undefined }[],
  { resolution, isOwn }: { readonly resolution: string; readonly isOwn: boolean },
): readonly object[] {
  const some = resolution === 'DNS_ROUND_ROBIN' ? endpoints.slice(0, 1) : endpoints;
  return some.map(({ port: _port, ...each }, i) => {
    if (resolution !== 'STATIC') return { ...each, address: `n${i}.example` };
    return isOwn && i === 0
      ? { ...each, address: OWN, labels: { app: 'web' }, locality: undefined }
      : { ...each, address: `10.${n}.0.${i + 1}` };
  });
}

const workload = (n: number) =>
  fc
    .record({
      namespace: one('shop', 'team'),
      address: one(...(n === 1 ? [OWN] : []), `10.50.0.${n}`, `10.50.0.${n}`, `w${n}.example`),
      labels: one({ app: 'web' }, { app: 'web', version: 'v1' }, { app: 'db' }),
      locality,
      weight: one(undefined, 1, 5),
      network: one(undefined, undefined, undefined, 'far'),
    })
    .map(({ namespace, labels: own, ...spec }): object => {
      const as = spec.address === OWN ? { labels: { app: 'web' }, locality: undefined } : { labels: own };
      return objectOf('WorkloadEntry', `workload-${n}`, namespace, { ...spec, ...as });
    });

/** One to five services, and up to three workloads. */
export const meshServices: fc.Arbitrary<readonly object[]> = fc
  .uniqueArray(fc.nat(MESH_HOSTS.length - 1), { minLength: 1, maxLength: 5 })
  .chain((chosen) =>
    fc.tuple(
      fc.tuple(...chosen.map((n) => service(MESH_HOSTS[n] as MeshHostName, n + 1))),
      fc.nat(3).chain((count) => fc.tuple(...Array.from({ length: count }, (_, n) => workload(n + 1)))),
    ),
  )
  .map(([services, workloads]) => [...services, ...workloads]);

export function objectOf(kind: string, name: string, namespace: string, spec: object, year?: number): object {
  const created = year === undefined ? {} : { creationTimestamp: `${year}-01-01T00:00:00Z` };
  return { apiVersion: 'networking.istio.io/v1', kind, metadata: { name, namespace, ...created }, spec };
}
