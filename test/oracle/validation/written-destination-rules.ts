import type { WrittenSpec } from './written-spec.ts';

const dr = (trafficPolicy: object, more: object = {}): WrittenSpec => ({
  kind: 'DestinationRule',
  spec: { host: 'orders', trafficPolicy, ...more },
});
const lb = (loadBalancer: object, outlier: object = {}) => dr({ loadBalancer, ...outlier });
const locality = (localityLbSetting: object) => lb({ simple: 'RANDOM', localityLbSetting }, { outlierDetection: {} });
const spread = (...to: readonly Readonly<Record<string, number>>[]) =>
  locality({ distribute: to.map((weights, i) => ({ from: `r${i}`, to: weights })) });

/** One rule of DestinationRules each. */
export const WRITTEN_DESTINATION_RULES: readonly WrittenSpec[] = [
  dr({}),
  dr({ connectionPool: {} }),
  dr({ connectionPool: { tcp: { maxConnections: -1 } } }),
  dr({ connectionPool: { http: { useClientProtocol: true, h2UpgradePolicy: 'UPGRADE' } } }),
  dr({ connectionPool: { http: { http2KeepAlive: { interval: '1s' } } } }),
  dr({ outlierDetection: { consecutiveErrors: 5 } }),
  dr({ outlierDetection: { consecutiveLocalOriginFailures: 5 } }),
  dr({ outlierDetection: { maxEjectionPercent: 101 } }),
  dr({ outlierDetection: { interval: '5' } }),
  dr({ tunnel: { protocol: 'GET', targetHost: 'a', targetPort: 1 } }),
  dr({ tunnel: { targetHost: 'a_b', targetPort: 1 } }),
  dr({ tunnel: { targetHost: 'a', targetPort: 1 }, proxyProtocol: {} }),
  dr({ tls: { mode: 'MUTUAL' } }),
  dr({ tls: { mode: 'SIMPLE', credentialName: 'a', caCertificates: 'b' } }),
  dr({ tls: { mode: 'SIMPLE', insecureSkipVerify: true, subjectAltNames: ['a'] } }),
  ...['configmap://a', 'configmap://shop/a', 'configmap://other/a', 'configmap://shop/', 'kubernetes://x'].map((credentialName) =>
    dr({ tls: { mode: 'SIMPLE', credentialName } }),
  ),
  dr({ portLevelSettings: [{ port: { number: 1 } }] }),
  dr({ portLevelSettings: [{ tls: { mode: 'DISABLE' } }] }),
  dr({ portLevelSettings: [{ port: { number: 1 }, outlierDetection: { consecutiveErrors: 1 } }] }),
  dr({ tls: {} }, { subsets: [{ name: 'a' }, { name: 'a' }] }),
  dr({ tls: {} }, { subsets: [{ name: 'a.b' }] }),
  dr({ tls: {} }, { subsets: [{ name: 'a', labels: { 'x y': 'z' } }] }),
  dr({ tls: {} }, { workloadSelector: { matchLabels: { a: '*' } } }),
  dr({ tls: {} }, { workloadSelector: {} }),
  dr({ tls: {} }, { workloadSelector: { matchLabels: { a: 'b' } }, exportTo: ['*'] }),
  dr({ tls: {} }, { workloadSelector: { matchLabels: { a: 'b' } }, exportTo: ['shop'] }),
  ...[0, 1, 2, 4, 9, 65_537, 5_000_011].map((tableSize) => lb({ consistentHash: { useSourceIp: true, maglev: { tableSize } } })),
  lb({ consistentHash: { useSourceIp: true, minimumRingSize: 5 } }),
  lb({ consistentHash: { useSourceIp: true, minimumRingSize: 5, ringHash: {} } }),
  lb({ consistentHash: { httpCookie: { name: '' } } }),
  lb({ consistentHash: { httpCookie: { name: 'a', attributes: [{ name: 'b' }, { name: 'b' }] } } }),
  lb({ consistentHash: {} }),
  lb({ simple: 'RANDOM', consistentHash: { useSourceIp: true } }),
  lb({ simple: 'RANDOM', warmup: {} }),
  lb({ simple: 'RANDOM', warmup: { duration: '1s', aggression: 0 } }),
  lb({ simple: 'RANDOM', warmupDurationSecs: '10s' }),
  lb({ simple: 'RANDOM', localityLbSetting: {}, zoneAwareLbSetting: {} }),
  spread({ 'a/*': 100 }),
  spread({ a: 50, b: 49 }),
  spread({ a: 0, b: 100 }),
  // No two weights that overlap in one map: Go has no order for it, and Istio's verdict depends on one (it refused
  // `a/*` beside `a/b` in one run and took it in another). `load-balancer.test.ts` has ours.
  ...[
    ['a/b/c', 'a/b/*'],
    ['a/b/*', 'a/b/c'],
    ['*', 'a'],
    ['a', '*'],
    ['a/*', 'a/b'],
    ['a/b', 'a/*'],
    ['a/b', 'a'],
    ['a/b/c', 'a/b/d'],
  ].map((froms) => locality({ distribute: froms.map((from) => ({ from, to: { a: 100 } })) })),
  spread({ 'a/*/c': 100 }),
  spread({ 'a//c': 100 }),
  locality({
    distribute: [
      { from: 'a', to: { a: 100 } },
      { from: 'a/b', to: { a: 100 } },
    ],
  }),
  locality({ distribute: [{ from: 'a', to: { a: 100 } }], failover: [{ from: 'a', to: 'b' }] }),
  locality({ failover: [{ from: 'a', to: 'a' }] }),
  locality({ failover: [{ from: 'a/b', to: 'c' }] }),
  locality({ failover: [{ from: 'a', to: 'b' }], failoverPriority: ['topology.kubernetes.io/region'] }),
  lb({ simple: 'RANDOM', localityLbSetting: { failoverPriority: ['a'] } }),
  lb({ simple: 'RANDOM', zoneAwareLbSetting: { failoverPriority: ['topology.istio.io/subzone'] } }, { outlierDetection: {} }),
];
