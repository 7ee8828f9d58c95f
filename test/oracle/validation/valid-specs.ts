import { VALID_VIRTUAL_SERVICES } from './valid-virtual-services.ts';
import type { WrittenSpec } from './written-spec.ts';

const dr = (trafficPolicy: object, more: object = {}): WrittenSpec => ({
  kind: 'DestinationRule',
  spec: { host: 'orders', trafficPolicy, ...more },
});
const se = (spec: object): WrittenSpec => ({
  kind: 'ServiceEntry',
  spec: { hosts: ['api.example.com'], ports: [{ number: 80, name: 'http', protocol: 'HTTP' }], resolution: 'STATIC', ...spec },
});
const server = (more: object = {}) => ({ port: { number: 80, name: 'http', protocol: 'HTTP' }, hosts: ['*'], ...more });
const gateway = (...servers: readonly object[]): WrittenSpec => ({
  kind: 'Gateway',
  spec: { selector: { istio: 'ingress' }, servers },
});
const https = (tls: object) =>
  gateway(server({ port: { number: 443, name: 'https', protocol: 'HTTPS' }, hosts: ['shop.example.com'], tls }));

/** Specs that Istio takes, with every field that it checks somewhere among them. */
export const VALID_SPECS: readonly WrittenSpec[] = [
  ...VALID_VIRTUAL_SERVICES,
  dr(
    { loadBalancer: { simple: 'LEAST_REQUEST', warmup: { duration: '30s', minimumPercent: 10, aggression: 1.5 } } },
    {
      subsets: [{ name: 'v1', labels: { version: 'v1' }, trafficPolicy: { connectionPool: { http: { maxRetries: 1 } } } }],
      exportTo: ['.'],
    },
  ),
  dr({
    loadBalancer: {
      consistentHash: {
        httpCookie: { name: 'user', ttl: '0s', attributes: [{ name: 'SameSite', value: 'Lax' }] },
        maglev: { tableSize: 65537 },
      },
      localityLbSetting: { enabled: true, distribute: [{ from: 'a/b/*', to: { 'a/b/*': 80, 'a/c/*': 20 } }] },
    },
    connectionPool: {
      tcp: {
        maxConnections: 10,
        connectTimeout: '30ms',
        tcpKeepalive: { time: '7200s', interval: '75s', probes: 3 },
        maxConnectionDuration: '1h',
        idleTimeout: '0s',
      },
      http: {
        http1MaxPendingRequests: 1,
        http2MaxRequests: 1,
        maxRequestsPerConnection: 1,
        maxRetries: 1,
        idleTimeout: '5s',
        h2UpgradePolicy: 'UPGRADE',
        maxConcurrentStreams: 5,
        http2KeepAlive: { interval: '5s', timeout: '1s' },
      },
    },
    outlierDetection: {
      consecutive5xxErrors: 7,
      interval: '5m',
      baseEjectionTime: '15m',
      maxEjectionPercent: 10,
      minHealthPercent: 20,
      splitExternalLocalOriginErrors: true,
      consecutiveLocalOriginFailures: 3,
    },
    tls: { mode: 'MUTUAL', clientCertificate: '/a', privateKey: '/b', caCertificates: '/c', sni: 'x', subjectAltNames: ['y'] },
    portLevelSettings: [
      {
        port: { number: 80 },
        loadBalancer: { consistentHash: { httpHeaderName: 'x-user', ringHash: { minimumRingSize: 1024 } } },
        tls: { mode: 'DISABLE' },
      },
    ],
  }),
  dr({
    loadBalancer: { simple: 'RANDOM', localityLbSetting: { failover: [{ from: 'eu', to: 'us' }], failoverPriority: ['app'] } },
    outlierDetection: { consecutiveGatewayErrors: 5 },
  }),
  dr({
    loadBalancer: {
      simple: 'RANDOM',
      zoneAwareLbSetting: { minClusterSize: 3, failover: [{ from: 'eu', to: 'us' }], failoverPriority: ['app'] },
    },
    outlierDetection: {},
  }),
  dr({
    tunnel: { protocol: 'CONNECT', targetHost: 'x.example.com', targetPort: 443 },
    retryBudget: { percent: 20, minRetryConcurrency: 3 },
  }),
  dr({ proxyProtocol: { version: 'V2' }, tls: { mode: 'SIMPLE', credentialName: 'ca' } }),
  dr({ tls: { mode: 'SIMPLE', insecureSkipVerify: true } }, { workloadSelector: { matchLabels: { app: 'web' } } }),
  gateway(
    server(),
    server({
      port: { number: 8080, name: 'tcp', protocol: 'TCP' },
      bind: '127.0.0.1',
      name: 'x',
      defaultEndpoint: '127.0.0.1:8080',
    }),
  ),
  gateway(server({ hosts: ['shop/*.example.com', './a.b', '*/c.d'], tls: { httpsRedirect: true } })),
  https({ mode: 'SIMPLE', credentialName: 'shop', minProtocolVersion: 'TLSV1_2', cipherSuites: ['ECDHE-RSA-AES256-GCM-SHA384'] }),
  https({ mode: 'MUTUAL', serverCertificate: '/a', privateKey: '/b', caCertificates: '/c', caCrl: '/d', subjectAltNames: ['x'] }),
  https({ mode: 'SIMPLE', tlsCertificates: [{ serverCertificate: '/a', privateKey: '/b' }] }),
  https({ mode: 'PASSTHROUGH' }),
  https({ mode: 'ISTIO_MUTUAL' }),
  https({ mode: 'MUTUAL', credentialNames: ['a', 'b'] }),
  gateway(server({ port: { number: 0, name: 'uds', protocol: 'HTTP' }, bind: 'unix:///var/run/x' })),
  se({
    addresses: ['10.0.0.1', '10.1.0.0/16'],
    endpoints: [
      {
        address: '10.0.0.2',
        ports: { http: 8080 },
        labels: { app: 'a' },
        network: 'n',
        locality: 'a/b',
        weight: 2,
        serviceAccount: 's',
      },
    ],
    exportTo: ['*'],
    location: 'MESH_INTERNAL',
  }),
  se({ workloadSelector: { labels: { app: 'a' } }, exportTo: ['~'] }),
  se({ endpoints: [{ address: 'unix:///var/run/x' }] }),
  se({
    resolution: 'DNS',
    ports: [{ number: 443, name: 'https', protocol: 'TLS', targetPort: 8443 }],
    subjectAltNames: ['x'],
    endpoints: [{ address: 'a.example.com', ports: { https: 443 }, labels: { app: 'a' } }, { address: '10.0.0.1' }],
  }),
  se({ resolution: 'DNS' }),
  se({ resolution: 'DNS_ROUND_ROBIN', endpoints: [{ address: 'a.example.com' }] }),
  se({ hosts: ['*.example.com', 'b.example.org'], resolution: 'NONE' }),
  se({ hosts: ['*.example.com'], resolution: 'DYNAMIC_DNS', location: 'MESH_EXTERNAL' }),
  {
    kind: 'WorkloadEntry',
    spec: {
      address: '10.0.0.1',
      ports: { http: 80 },
      labels: { app: 'a' },
      network: 'n',
      locality: 'a/b/c',
      weight: 3,
      serviceAccount: 's',
    },
  },
  { kind: 'WorkloadEntry', spec: { address: 'vm.example.com' } },
  { kind: 'WorkloadEntry', spec: { address: 'unix://@abstract' } },
  {
    kind: 'WorkloadGroup',
    spec: {
      metadata: { labels: { app: 'a' }, annotations: { x: 'y' } },
      template: { ports: { http: 80 }, serviceAccount: 's' },
      probe: {
        periodSeconds: 5,
        timeoutSeconds: 1,
        initialDelaySeconds: 0,
        successThreshold: 1,
        failureThreshold: 3,
        httpGet: { path: '/', port: 80, host: 'x', scheme: 'HTTP', httpHeaders: [{ name: 'X-A', value: 'b' }] },
      },
    },
  },
  { kind: 'WorkloadGroup', spec: { template: {}, probe: { tcpSocket: { port: 80 } } } },
  { kind: 'WorkloadGroup', spec: { template: {}, probe: { exec: { command: ['true'] } } } },
  {
    kind: 'Sidecar',
    spec: {
      workloadSelector: { labels: { app: 'a' } },
      ingress: [
        {
          port: { number: 80, name: 'http', protocol: 'HTTP' },
          bind: '0.0.0.0',
          defaultEndpoint: '127.0.0.1:8080',
          captureMode: 'NONE',
          connectionPool: { http: { maxRetries: 1 } },
        },
        {
          port: { number: 443, name: 'https', protocol: 'HTTPS' },
          defaultEndpoint: 'unix:///x',
          tls: { mode: 'SIMPLE', serverCertificate: '/a', privateKey: '/b' },
        },
      ],
      egress: [
        {
          port: { number: 3306, name: 'mysql', protocol: 'MYSQL' },
          bind: '127.0.0.1',
          captureMode: 'NONE',
          hosts: ['shop/db.example.com', '~other/*'],
        },
        { port: { number: 0, protocol: 'HTTP' }, bind: 'unix:///x', hosts: ['./*'] },
        { hosts: ['./*', 'istio-system/*', '*/a.b'] },
      ],
      inboundConnectionPool: { tcp: { maxConnections: 5 } },
      outboundTrafficPolicy: { mode: 'ALLOW_ANY', egressProxy: { host: 'proxy.example.com', port: { number: 3128 } } },
    },
  },
  { kind: 'Sidecar', spec: { outboundTrafficPolicy: { mode: 'REGISTRY_ONLY' } } },
  {
    kind: 'ProxyConfig',
    spec: {
      selector: { matchLabels: { app: 'a' } },
      concurrency: 2,
      environmentVariables: { A: 'b' },
      image: { imageType: 'distroless' },
    },
  },
];
