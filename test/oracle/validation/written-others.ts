import type { WrittenSpec } from './valid-specs.ts';

const gateway = (...servers: readonly object[]): WrittenSpec => ({ kind: 'Gateway', spec: { servers } });
const server = (more: object = {}) => ({ port: { number: 80, name: 'http', protocol: 'HTTP' }, hosts: ['*'], ...more });
const https = (tls: object) => gateway(server({ port: { number: 443, name: 'https', protocol: 'HTTPS' }, tls }));
const se = (more: object): WrittenSpec => ({
  kind: 'ServiceEntry',
  spec: { hosts: ['a.b'], ports: [{ number: 80, name: 'http', protocol: 'HTTP' }], resolution: 'DNS', ...more },
});
const sidecar = (spec: Readonly<Record<string, unknown>>): WrittenSpec => ({ kind: 'Sidecar', spec });
const egress = (...hosts: readonly string[]) => sidecar({ egress: [{ hosts }] });
const ingress = (more: object) => sidecar({ ingress: [{ port: { number: 80, name: 'http', protocol: 'HTTP' }, ...more }] });
const endpoint = (text: string) => ingress({ defaultEndpoint: text });

/** One rule of Gateways, ServiceEntries, workloads and Sidecars each. */
export const WRITTEN_OTHERS: readonly WrittenSpec[] = [
  // Gateways.
  gateway(),
  gateway(server(), server()),
  gateway(server({ hosts: [] })),
  ...['a', 'a.b', '*', '*.b', '*a.b', 'shop/*', '/a.b', 'shop/', '10.0.0.1', '::1', '*/*', '~/*', 'a b/c.d'].map((host) =>
    gateway(server({ hosts: [host] })),
  ),
  gateway(server({ port: { number: 0, name: 'a', protocol: 'HTTP' } })),
  gateway(server({ port: { number: 80, name: 'a', protocol: 'FTP' } })),
  gateway(server({ port: { number: 80, name: 'a', protocol: 'HTTPS' } })),
  gateway(server({ port: { number: 80, name: 'a', protocol: 'HTTP', targetPort: 1 } })),
  gateway(server({ tls: { mode: 'SIMPLE' } })),
  gateway(server({ port: { number: 80, name: 'a', protocol: 'TCP' }, tls: { httpsRedirect: true } })),
  gateway(server({ bind: 'x' })),
  gateway(server({ bind: 'unix:///a' })),
  https({ mode: 'SIMPLE' }),
  https({ mode: 'MUTUAL', serverCertificate: 'a', privateKey: 'b' }),
  https({ mode: 'SIMPLE', serverCertificate: 'a', privateKey: 'b', credentialName: 'c' }),
  https({ mode: 'ISTIO_MUTUAL', credentialName: 'c' }),
  https({ mode: 'PASSTHROUGH', credentialName: 'c' }),
  https({ mode: 'PASSTHROUGH', httpsRedirect: true }),
  https({ mode: 'SIMPLE', credentialName: 'a', cipherSuites: ['NOPE', 'AES128-SHA', 'AES128-SHA', '-ALL'] }),
  https({ mode: 'SIMPLE', credentialName: 'a', minProtocolVersion: 'TLSV1_1' }),
  https({ mode: 'SIMPLE', serverCertificate: 'a', privateKey: 'b', caCrl: 'c' }),
  https({ mode: 'SIMPLE', credentialNames: ['a', 'b', 'c'] }),
  // ServiceEntries and workloads.
  se({ hosts: [] }),
  se({ hosts: ['*'] }),
  se({ hosts: ['*a.b'], resolution: 'NONE' }),
  se({ hosts: ['*.b'] }),
  se({ addresses: ['10.0.0.0/8'] }),
  se({ addresses: ['x'] }),
  se({ resolution: 'NONE', endpoints: [{ address: '10.0.0.1' }] }),
  se({ resolution: 'NONE', workloadSelector: { labels: { a: 'b' } } }),
  se({ workloadSelector: { labels: { a: 'b' } }, endpoints: [{ address: '10.0.0.1' }] }),
  se({ workloadSelector: { labels: { a: '*' } } }),
  se({ workloadSelector: {} }),
  se({ resolution: 'STATIC', endpoints: [{ address: 'a.b' }] }),
  se({ resolution: 'STATIC', endpoints: [{ address: '10.0.0.1', ports: { other: 1 } }] }),
  se({ resolution: 'STATIC', endpoints: [{ network: 'n' }] }),
  se({ resolution: 'STATIC', endpoints: [{}] }),
  se({ resolution: 'DNS_ROUND_ROBIN', endpoints: [{ address: 'a' }, { address: 'b' }] }),
  se({ hosts: ['a.b', 'c.d'], ports: [{ number: 80, name: 'tcp', protocol: 'TCP' }] }),
  se({ hosts: ['a.b', 'c.d'], addresses: ['10.0.0.1'], ports: [{ number: 443, name: 'tls', protocol: 'TLS' }] }),
  se({ resolution: 'NONE', ports: [{ number: 80, name: 'tcp', protocol: 'TCP' }] }),
  se({ resolution: 'DYNAMIC_DNS' }),
  se({ resolution: 'DYNAMIC_DNS', hosts: ['*.b'], addresses: ['10.0.0.1'] }),
  se({ resolution: 'DYNAMIC_DNS', hosts: ['*.b'], ports: [{ number: 80, name: 'tcp', protocol: 'TCP' }] }),
  se({ exportTo: ['~', 'a'] }),
  se({
    ports: [
      { number: 80, name: 'a', protocol: 'HTTP' },
      { number: 80, name: 'b', protocol: 'HTTP' },
    ],
  }),
  se({
    ports: [
      { number: 80, name: 'a', protocol: 'HTTP' },
      { number: 81, name: 'a', protocol: 'HTTP' },
    ],
  }),
  { kind: 'WorkloadEntry', spec: {} },
  { kind: 'WorkloadEntry', spec: { network: 'n' } },
  { kind: 'WorkloadEntry', spec: { address: 'a_b' } },
  { kind: 'WorkloadEntry', spec: { address: 'unix:///a', ports: { a: 1 } } },
  { kind: 'WorkloadEntry', spec: { address: 'unix://a' } },
  { kind: 'WorkloadGroup', spec: {} },
  { kind: 'WorkloadGroup', spec: { template: {}, probe: {} } },
  { kind: 'WorkloadGroup', spec: { template: {}, probe: { grpc: { port: 80 } } } },
  { kind: 'WorkloadGroup', spec: { template: {}, probe: { httpGet: { port: 80, httpHeaders: [{ name: 'a_b' }] } } } },
  // Sidecars.
  sidecar({}),
  sidecar({ workloadSelector: {}, egress: [{ hosts: ['./*'] }] }),
  sidecar({ egress: [{ hosts: ['./*'] }, { hosts: ['./*'] }] }),
  ...[
    ['a'],
    ['./a'],
    ['./a.b', './a.b'],
    ['./*', './a.b'],
    ['*/*', './*'],
    ['~/*'],
    ['~shop/*'],
    ['./10.0.0.1'],
    ['./*a.b'],
    ['a.b/c.d'],
    ['/a.b'],
  ].map((hosts) => egress(...hosts)),
  sidecar({
    egress: [
      { port: { number: 80, protocol: 'HTTP' }, hosts: ['./*'] },
      { port: { number: 80, protocol: 'TCP' }, hosts: ['./*'] },
    ],
  }),
  sidecar({ egress: [{ port: { number: 0, protocol: 'HTTP' }, bind: 'unix:///a', captureMode: 'IPTABLES', hosts: ['./*'] }] }),
  ...[
    ':80',
    '127.0.0.1:80',
    '0.0.0.0:80',
    '[::1]:80',
    '[::]:80',
    '::1:80',
    '10.0.0.1:80',
    '127.0.0.1',
    '127.0.0.1:x',
    '127.0.0.1:0',
    'unix://a',
    'unix:///a',
  ].map(endpoint),
  ingress({ tls: { mode: 'SIMPLE', serverCertificate: 'a', privateKey: 'b' } }),
  sidecar({ ingress: [{ port: { number: 80, name: 'tcp', protocol: 'TCP' }, connectionPool: { http: { maxRetries: 1 } } }] }),
  sidecar({ outboundTrafficPolicy: { mode: 'REGISTRY_ONLY', egressProxy: { host: 'a.b', port: { number: 1 } } } }),
  sidecar({ outboundTrafficPolicy: { mode: 'ALLOW_ANY', egressProxy: { host: 'a.b' } } }),
  { kind: 'ProxyConfig', spec: { concurrency: -1 } },
  { kind: 'ProxyConfig', spec: { selector: {} } },
];
