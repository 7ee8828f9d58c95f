import fc from 'fast-check';
import { parseCase } from './oracle-case.ts';
import type { OracleCase } from './oracle-case.ts';

/** Cases of two services under one to four DestinationRules with anything in them, all of it valid. */
export function randomRules(seed: number, count: number): readonly OracleCase[] {
  return fc.sample(mesh, { seed, numRuns: count }).map(({ node, services, rules }, i) => {
    const objects = [...services, ...rules.map((rule, n) => destinationRule(rule, n))];
    const header = `# Random rules.\nnode: ${JSON.stringify(node)}\nshows: {}\n---\n`;
    return parseCase(`random-${seed}-${i}`, `${header}${objects.map((object) => JSON.stringify(object)).join('\n---\n')}\n`);
  });
}

const ORDERS = 'orders.shop.svc.cluster.local';
const selecting = (app: string) => ({ workloadSelector: { matchLabels: { app } } });
const maybe = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.oneof({ weight: 2, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: value });
const one = <const T>(...values: readonly T[]): fc.Arbitrary<T> => fc.constantFrom(...values);
/** Any of the fields, any of them left out. */
const fields = <M extends Readonly<Record<string, fc.Arbitrary<unknown>>>>(model: M): fc.Arbitrary<Chosen<M>> =>
  fc.record(model, { requiredKeys: [] }) as fc.Arbitrary<Chosen<M>>;
type Chosen<M> = { readonly [K in keyof M]?: M[K] extends fc.Arbitrary<infer V> ? V : never };
const duration = one('100ms', '1s', '2.5s', '1m');
const locality = one('', 'eu', 'eu/a', 'eu/b', 'us/a', 'us/a/x', 'asia');
const hasAny = (value: object): boolean => Object.keys(JSON.parse(JSON.stringify(value)) as object).length > 0;

const localityLbSetting = one(
  {},
  { enabled: false },
  { enabled: true },
  { distribute: [{ from: 'eu/a', to: { 'eu/*': 40, 'us/*': 60 } }] },
  { distribute: [{ from: '*', to: { 'eu/a': 70, 'eu/b': 30 } }] },
  { failover: [{ from: 'eu', to: 'us' }] },
  { failoverPriority: ['rack', 'topology.kubernetes.io/region'] },
  { failoverPriority: ['version=v1'], failover: [{ from: 'us', to: 'asia' }] },
);
const hashKey = one({ httpHeaderName: 'x' }, { useSourceIp: true }, { httpQueryParameterName: 'q' });
const hashAlgorithm = one(
  {},
  { maglev: { tableSize: 1009 } },
  { ringHash: { minimumRingSize: 99 } },
  { ringHash: {} },
  { minimumRingSize: 7 },
);
const consistentHash = fc.tuple(hashKey, hashAlgorithm).map(([key, algorithm]) => ({ consistentHash: { ...key, ...algorithm } }));
const warmed = fc.record({
  simple: one('ROUND_ROBIN', 'LEAST_REQUEST'),
  warmup: one({ duration: '60s' }, { duration: '60s', minimumPercent: 20, aggression: 2 }),
});
const simple = fc.record({ simple: one('ROUND_ROBIN', 'LEAST_REQUEST', 'LEAST_CONN', 'RANDOM', 'PASSTHROUGH', 'UNSPECIFIED') });
const loadBalancer = fc
  .tuple(fc.oneof(simple, simple, consistentHash, warmed, fc.constant({})), maybe(localityLbSetting))
  .map(([balancer, setting]) => ({ ...balancer, ...(setting && { localityLbSetting: setting }) }));

const outlierDetection = fc
  .tuple(
    fields({
      consecutive5xxErrors: fc.nat(9),
      consecutiveGatewayErrors: fc.nat(9),
      interval: duration,
      baseEjectionTime: duration,
      maxEjectionPercent: fc.integer({ min: 1, max: 100 }),
      minHealthPercent: fc.nat(90),
    }),
    one(
      {},
      {},
      { splitExternalLocalOriginErrors: true },
      { splitExternalLocalOriginErrors: true, consecutiveLocalOriginFailures: 4 },
    ),
  )
  .map(([counts, local]) => ({ ...counts, ...local }));

const tcp = fields({
  maxConnections: fc.integer({ min: 1, max: 99 }),
  connectTimeout: duration,
  maxConnectionDuration: one('10m'),
  idleTimeout: one('20s'),
  tcpKeepalive: fields({ probes: one(3), time: one('7200s'), interval: one('75s') }),
});
const http = fc
  .tuple(
    fields({
      http1MaxPendingRequests: one(9),
      http2MaxRequests: one(8),
      maxRequestsPerConnection: fc.integer({ min: 1, max: 9 }),
      maxRetries: one(4),
      idleTimeout: one('11s'),
      maxConcurrentStreams: one(17),
    }),
    one({}, {}, { useClientProtocol: true }, { h2UpgradePolicy: 'UPGRADE' }, { h2UpgradePolicy: 'DO_NOT_UPGRADE' }),
  )
  .map(([limits, protocol]) => ({ ...limits, ...protocol }));
const connectionPool = fields({ tcp: tcp.filter(hasAny), http: http.filter(hasAny) }).filter(hasAny);

const tls = fc.oneof(
  fc.constant({ mode: 'DISABLE' }),
  fc.constant({ mode: 'SIMPLE', insecureSkipVerify: true }),
  fields({ sni: one('sni.example'), caCertificates: one('/etc/ca.pem'), subjectAltNames: one(['a.example']) }).map((files) => ({
    mode: 'SIMPLE',
    ...files,
  })),
);

const common = { loadBalancer, outlierDetection, connectionPool };
const portLevel = fc
  .tuple(one(80, 81, 82), fields({ ...common, tls }).filter(hasAny))
  .map(([number, policy]) => [{ port: { number }, ...policy }]);
const trafficPolicy = fields({ ...common, tls, portLevelSettings: portLevel, proxyProtocol: one({ version: 'V2' }) }).filter(
  ({ loadBalancer: a, outlierDetection: b, connectionPool: c, tls: d }) => hasAny({ a, b, c, d }),
);

const labels = one({ version: 'v1' }, { version: 'v2' }, { rack: 'r1' }, { 'topology.kubernetes.io/region': 'eu' });
const subset = fc.record({ labels, trafficPolicy: maybe(trafficPolicy) });
const rule = fc.record({
  namespace: one('shop', 'team', 'istio-system'),
  createdAt: one('2024-01-01T00:00:00Z', '2024-01-02T00:00:00Z'),
  host: one(ORDERS, ORDERS, 'orders', 'api.team.example', '*.example', '*.shop.svc.cluster.local', '*.cluster.local'),
  trafficPolicy: fc.oneof(trafficPolicy, trafficPolicy, fc.constant(undefined)),
  subsets: fc.array(subset, { maxLength: 2 }),
  seenBy: fc.constantFrom<object>(
    {},
    {},
    {},
    { exportTo: ['*'] },
    { exportTo: ['.'] },
    { exportTo: ['shop'] },
    { exportTo: ['team', 'shop'] },
    selecting('web'),
    selecting('desk'),
  ),
});

function destinationRule({ namespace, createdAt, seenBy, subsets, ...spec }: RandomRule, n: number): object {
  return {
    apiVersion: 'networking.istio.io/v1',
    kind: 'DestinationRule',
    metadata: { name: `rule-${n}`, namespace, creationTimestamp: createdAt },
    spec: { ...spec, ...seenBy, subsets: subsets.map((part, i) => ({ name: `s${i}`, ...part })) },
  };
}

type RandomRule = typeof rule extends fc.Arbitrary<infer R> ? R : never;

const PORTS = [
  { number: 80, name: 'http', protocol: 'HTTP', targetPort: 8080 },
  { number: 81, name: 'grpc', protocol: 'GRPC' },
  { number: 82, name: 'tcp', protocol: 'TCP' },
];
const endpoint = fc.record({
  labels: one({ version: 'v1' }, { version: 'v2' }, { version: 'v2', rack: 'r1' }),
  weight: one(1, 2, 9),
  locality,
});

/** A name resolved by Envoy has no place of its own: istiod then forgets all places but one. */
const serviceEntry = (host: string, namespace: string, net: number) =>
  fc
    .record({
      resolution: one('STATIC', 'STATIC', 'STATIC', 'DNS', 'DNS_ROUND_ROBIN', 'NONE'),
      location: one('MESH_INTERNAL', 'MESH_EXTERNAL'),
      ports: fc.integer({ min: 1, max: 3 }),
      endpoints: fc.array(endpoint, { minLength: 1, maxLength: 5 }),
      subjectAltNames: one([], ['spiffe.example']),
    })
    .map(({ ports, endpoints, ...spec }) => ({
      apiVersion: 'networking.istio.io/v1',
      kind: 'ServiceEntry',
      metadata: { name: `entry-${net}`, namespace },
      spec: {
        hosts: [host],
        addresses: [`240.0.0.${net}`],
        ports: PORTS.slice(0, ports),
        ...spec,
        ...(spec.resolution !== 'NONE' && {
          endpoints: (spec.resolution === 'DNS_ROUND_ROBIN' ? endpoints.slice(0, 1) : endpoints).map(
            ({ locality: place, ...rest }, i) =>
              spec.resolution === 'STATIC'
                ? { address: `10.${net}.0.${i + 1}`, ...rest, locality: place }
                : { address: `n${i}.example`, ...rest },
          ),
        }),
      },
    }));

const mesh = fc.record({
  node: fc.record({
    type: one('sidecar', 'sidecar', 'sidecar', 'router'),
    namespace: one('shop', 'shop', 'team', 'istio-system'),
    labels: one({ app: 'web' }, { app: 'desk', rack: 'r1' }),
    locality,
  }),
  services: fc.tuple(serviceEntry(ORDERS, 'shop', 1), serviceEntry('api.team.example', 'team', 2)),
  rules: fc.array(rule, { minLength: 1, maxLength: 4 }),
});
