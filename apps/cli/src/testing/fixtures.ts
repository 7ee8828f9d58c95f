import type {
  ConflictView,
  CorrectionView,
  DiagnosticList,
  DiffView,
  EndpointView,
  ExplainAnswer,
  ExplainedHost,
  HeldView,
  ItemList,
  ProxyConfigView,
  ProxyList,
  PublicationList,
  ServiceDetail,
  ServiceView,
  ReplicaView,
  SourceView,
} from '@isthmus/contract';
import type { Diagnostic } from '@isthmus/model';
import type { FakeRoutes } from './fake-control.ts';
import { NOW } from './run-cli.ts';

/** A small mesh on a bad night, as the control API would tell of it. */

const ORDERS = 'orders.default-group.public.nacos';
const SHOP = 'shop/public/DEFAULT_GROUP/orders';
const NODE = 'sidecar~127.0.0.1~web.default~default.svc.cluster.local';

/** A follower that has lost the store. */
const replica: ReplicaView = {
  id: 'bridge-1-4711-9f2c1a',
  role: 'follower',
  epoch: 7,
  ledgerRevision: 1042,
  leader: 'bridge-0-4242-03b7de',
  leaderControl: 'https://bridge-0.isthmus:15080',
  storeSilentMs: 12_000,
  waiting: 1,
  withheld: 2,
  problem: 'Consul at http://127.0.0.1:8500 cannot be used: no answer in time',
};

const sources: ItemList<SourceView> = {
  items: [
    {
      source: 'hq',
      kind: 'consul',
      namespace: 'dc1',
      group: '',
      state: 'stale',
      since: NOW - 190_000,
      cause: 'connection refused at http://127.0.0.1:8500',
      ageMs: 190_000,
      services: 12,
      endpoints: 40,
      held: 0,
      diagnostics: 1,
    },
    {
      source: 'old',
      kind: 'eureka',
      namespace: '',
      group: '',
      state: 'syncing',
      services: 0,
      endpoints: 0,
      held: 0,
      diagnostics: 0,
    },
    {
      source: 'shop',
      kind: 'nacos',
      namespace: 'public',
      group: 'DEFAULT_GROUP',
      state: 'live',
      ageMs: 0,
      services: 3,
      endpoints: 9,
      held: 30,
      diagnostics: 2,
    },
  ],
};

const http = { number: 80, name: 'http-80', protocol: 'http' } as const;
const grpc = { number: 9000, name: 'grpc-9000', protocol: 'grpc' } as const;

const services: ItemList<ServiceView> = {
  items: [
    {
      host: 'inventory.dc1.consul',
      ports: [http, grpc],
      endpoints: 4,
      healthy: 4,
      origins: ['hq/dc1//inventory'],
      stale: true,
      diagnostics: 0,
    },
    {
      host: ORDERS,
      ports: [http],
      endpoints: 3,
      healthy: 2,
      origins: [SHOP, 'old///ORDERS'],
      vip: '240.240.0.7',
      stale: false,
      diagnostics: 2,
    },
  ],
};

const weightDiagnostic: Diagnostic = {
  code: 'weight.invalid',
  severity: 'error',
  where: `${SHOP} orders-3`,
  what: 'weight -1 is not a number of at least 0',
  meaning: 'the instance gets no traffic',
  remedy: 'set a weight between 0 and 10000 (1 is normal)',
};

const endpoint: EndpointView = {
  host: ORDERS,
  address: '10.0.0.1',
  port: 8080,
  portName: 'http-80',
  protocol: 'http',
  weight: 1,
  health: 'healthy',
  locality: 'cn-east/a',
  origin: SHOP,
  cluster: 'DEFAULT',
  labels: { version: 'v1' },
  takesTraffic: true,
};
const bare = { locality: '', cluster: '', labels: {} };
const endpoints: readonly EndpointView[] = [
  endpoint,
  { ...endpoint, ...bare, address: '10.0.0.10', weight: 0.5 },
  { ...endpoint, ...bare, address: 'fd00::7', health: 'unhealthy', takesTraffic: false },
];

const detail: ServiceDetail = {
  host: ORDERS,
  ports: [http],
  endpoints,
  healthy: 2,
  origins: [SHOP],
  stale: false,
  diagnostics: [weightDiagnostic],
};

const conflicts: ItemList<ConflictView> = {
  items: [{ host: ORDERS, winner: SHOP, losers: ['old///ORDERS'], reason: 'shop comes before old in merge.precedence' }],
};

const held: ItemList<HeldView> = {
  items: [
    {
      scope: 'shop/public/DEFAULT_GROUP',
      since: NOW - 12_000,
      removing: 30,
      of: 40,
      confirmAt: NOW + 18_000,
      services: ['a', 'b', 'orders', 'payments'].map((name) => `shop/public/DEFAULT_GROUP/${name}`),
    },
    { scope: 'hq/dc1/', since: NOW - 60_000, removing: 20, of: 20, confirmAt: NOW - 30_000, services: ['hq/dc1//inventory'] },
  ],
};

const TYPES = 'type.googleapis.com/envoy.config';
const publications: PublicationList = {
  items: [
    {
      to: 'hq',
      namespace: '',
      group: '',
      name: 'monolith',
      host: 'monolith.shop.mesh',
      state: 'failed',
      entries: [],
      taken: [],
      losers: [],
      cause: 'http://127.0.0.1:8500 refuses the ACL token (403 Permission denied\u001b[2J)',
    },
    {
      to: 'shop',
      namespace: '',
      group: 'MESH',
      name: 'monolith',
      host: 'monolith.shop.mesh',
      state: 'published',
      entries: ['10.0.0.5:80', '[fd00::5]:80'],
      taken: ['10.0.0.9:8080'],
      losers: ['monolith.other.mesh'],
    },
  ],
  sinks: [
    { to: 'hq', state: 'live', registered: 0, renewed: 0, withdrawn: 0, failed: 7 },
    { to: 'shop', state: 'live', registered: 2, renewed: 120, withdrawn: 0, failed: 0 },
  ],
};

const proxies: ProxyList = {
  items: [
    {
      node: NODE,
      address: '127.0.0.1:54321',
      connectedAt: NOW - 3_600_000,
      transport: 'delta',
      types: [
        { type: `${TYPES}.cluster.v3.Cluster`, subscribed: '*', sent: '1f2e', acked: '1f2e', served: true },
        {
          type: `${TYPES}.endpoint.v3.ClusterLoadAssignment`,
          subscribed: 3,
          sent: '77aa',
          acked: '60b1',
          served: true,
          unansweredSince: NOW - 7_000,
        },
        {
          type: `${TYPES}.listener.v3.Listener`,
          subscribed: '*',
          sent: 'c0de',
          acked: 'beef',
          served: true,
          nack: {
            at: NOW - 45_000,
            names: ['127.0.0.1_15004'],
            message: 'Error adding listener(s) 127.0.0.1_15004: cannot bind\u001b[2J: Address already in use',
          },
        },
      ],
    },
    { node: 'istiod', address: '127.0.0.1:40000', connectedAt: NOW - 5_000, transport: 'mcp', types: [] },
  ],
  rejected: [
    {
      node: '',
      address: '127.0.0.1:40400',
      code: 'UNAUTHENTICATED',
      reason: 'no valid token: send the metadata `authorization: Bearer <token>`',
      count: 12,
      lastAt: NOW - 3_000,
    },
    { node: 'ap\u001b[2Ji', address: '127.0.0.1:40500', code: 'PERMISSION_DENIED', reason: 'no', count: 1, lastAt: NOW - 60_000 },
  ],
};

const proxyConfig: ProxyConfigView = {
  node: NODE,
  types: [
    {
      type: `${TYPES}.cluster.v3.Cluster`,
      version: '1f2e',
      resources: [
        { name: `outbound|80||${ORDERS}`, version: 'aa01', state: 'sent' },
        { name: 'outbound|80||inventory.dc1.consul', version: 'aa02', state: 'retiring' },
      ],
    },
    {
      type: `${TYPES}.listener.v3.Listener`,
      version: 'c0de',
      resources: [{ name: '127.0.0.1_15004', version: 'bb01', state: 'rejected' }],
    },
  ],
};

const diagnostics: DiagnosticList = {
  items: [
    weightDiagnostic,
    {
      code: 'registry.unreachable',
      severity: 'warning',
      where: 'hq/dc1',
      what: 'connection refused at http://127.0.0.1:8500',
      meaning: 'its services stay as they were, marked stale',
      remedy: 'start the registry, or check registries[1].servers',
    },
  ],
  counts: { 'weight.invalid': 1, 'registry.unreachable': 1 },
};

const healthyHost: ExplainedHost = {
  host: ORDERS,
  origins: [
    { service: SHOP, source: 'shop', kind: 'nacos', state: 'live', ageMs: 0, endpoints, diagnostics: [weightDiagnostic] },
  ],
  merge: { rule: 'default host of shop', ports: [http], vip: '240.240.0.7' },
  outputs: {
    xds: [
      { type: `${TYPES}.cluster.v3.Cluster`, name: `outbound|80||${ORDERS}`, version: 'aa01' },
      { type: `${TYPES}.endpoint.v3.ClusterLoadAssignment`, name: `outbound|80||${ORDERS}`, version: '9c3f' },
    ],
    mcp: [{ type: 'networking.istio.io/v1/ServiceEntry', name: `isthmus/${ORDERS}-80`, version: 'd00d' }],
  },
  leftOut: [
    { address: 'fd00::7', port: 8080, service: SHOP, reason: 'unhealthy at the registry' },
    { address: `${SHOP} orders-3`, port: 0, service: SHOP, reason: 'weight -1 is not a number of at least 0 [weight.invalid]' },
    { address: 'translate orders-9', port: 0, service: ORDERS, reason: 'its locality is too long [translate.rejected]' },
  ],
};

const staleHost: ExplainedHost = {
  host: 'inventory.dc1.consul',
  origins: [
    {
      service: 'hq/dc1//inventory',
      source: 'hq',
      kind: 'consul',
      state: 'stale',
      since: NOW - 190_000,
      cause: 'connection refused\nat http://127.0.0.1:8500',
      ageMs: 190_000,
      endpoints: Array.from({ length: 23 }, (_, i) => ({
        ...endpoint,
        ...bare,
        host: 'inventory.dc1.consul',
        origin: 'hq/dc1//inventory',
        address: `10.1.0.${i + 1}`,
        portName: 'http-80',
        takesTraffic: i !== 21,
        ...(i === 21 ? { health: 'disabled' as const } : {}),
      })),
      diagnostics: [],
    },
  ],
  merge: { rule: 'merge.hosts[0]', ports: [http, grpc] },
  outputs: { xds: [], mcp: [] },
  leftOut: [{ address: '10.1.0.22', port: 8080, service: 'hq/dc1//inventory', reason: 'disabled at the registry' }],
};

const twoClaims: ExplainedHost = {
  host: 'payments.mesh',
  origins: [
    {
      service: 'old///PAYMENTS',
      source: 'old',
      kind: 'eureka',
      state: 'partial',
      cause: 'HTTP 200 with an HTML page',
      ageMs: 42_000,
      endpoints: [{ ...endpoint, ...bare, origin: 'old///PAYMENTS', address: '10.9.0.1' }],
      diagnostics: [],
    },
    {
      service: 'shop/public/DEFAULT_GROUP/payments',
      source: 'shop',
      kind: 'nacos',
      state: 'live',
      ageMs: 0,
      endpoints: [],
      diagnostics: [],
    },
  ],
  merge: { rule: 'merge.hosts[1]', ports: [http] },
  outputs: { xds: [], mcp: [] },
  leftOut: [
    {
      address: '10.9.0.1',
      port: 8080,
      service: 'old///PAYMENTS',
      reason: 'shop/public/DEFAULT_GROUP/payments is published under this host',
    },
  ],
};

const corrections: ItemList<CorrectionView> = {
  items: [
    {
      service: SHOP,
      address: '10.1.0.23',
      port: 8080,
      action: 'disable',
      state: 'disabled',
      reason: 'Pod shop/orders-7d9 is gone',
      since: NOW - 30_000,
    },
    {
      service: 'old///PAYMENTS',
      address: '10.1.0.24',
      port: 8080,
      action: 'disable',
      state: 'failed',
      reason: 'Pod shop/payments-1 is not ready',
      since: NOW - 3_000,
      cause: 'answers 403: the account may not write',
    },
  ],
};

const diff: ItemList<DiffView> = {
  items: [
    {
      host: ORDERS,
      registry: SHOP,
      kubernetes: 'k8s/shop//orders',
      missing: false,
      policy: 'both',
      differences: [
        { kind: 'only-registry', at: '10.1.0.23:8080' },
        { kind: 'port', at: '10.1.0.25', registry: '8080', kubernetes: '9090' },
        { kind: 'labels', at: '10.1.0.26:8080', registry: 'version=v1', kubernetes: 'version=v2' },
        { kind: 'only-kubernetes', at: '10.1.0.27:8080' },
      ],
    },
    {
      host: 'payments.eureka',
      registry: 'old///PAYMENTS',
      kubernetes: 'k8s/shop//payments',
      missing: true,
      policy: 'registry',
      differences: [{ kind: 'only-registry', at: '10.9.0.1:8080' }],
    },
  ],
};

const same: ItemList<DiffView> = { items: [{ ...(diff.items[0] as DiffView), differences: [] }] };

const answer = (query: string, ...matches: ExplainedHost[]): { body: ExplainAnswer } => ({ body: { query, matches } });

export const badNight: FakeRoutes = {
  'GET /api/v1/sources': { body: sources },
  'GET /api/v1/replica': { body: replica },
  'GET /api/v1/services': { body: services },
  [`GET /api/v1/services/${ORDERS}`]: { body: detail },
  'GET /api/v1/endpoints': { body: { items: endpoints } },
  'GET /api/v1/endpoints?host=orders': { body: { items: endpoints } },
  'GET /api/v1/endpoints?host=nobody': { body: { items: [] } },
  'GET /api/v1/conflicts': { body: conflicts },
  'GET /api/v1/held': { body: held },
  'GET /api/v1/corrections': { body: corrections },
  'GET /api/v1/diff': { body: diff },
  'GET /api/v1/diff?host=orders': { body: same },
  'GET /api/v1/diff?host=nobody': { body: { items: [] } },
  'GET /api/v1/publications': { body: publications },
  'GET /api/v1/export?format=publications': {
    type: 'application/yaml',
    body: 'items:\n  - to: shop\n    action: register\n    name: monolith\nfailed: []\n',
  },
  'GET /api/v1/proxies': { body: proxies },
  [`GET /api/v1/proxies/${encodeURIComponent(NODE)}/config`]: { body: proxyConfig },
  'GET /api/v1/diagnostics': { body: diagnostics },
  [`GET /api/v1/explain?q=${ORDERS}`]: answer(ORDERS, healthyHost),
  'GET /api/v1/explain?q=10.1.0.22': answer('10.1.0.22', staleHost),
  'GET /api/v1/explain?q=payments.mesh': answer('payments.mesh', twoClaims),
  'GET /api/v1/explain?q=%5Bfd00%3A%3A7%5D%3A8080': answer('[fd00::7]:8080', healthyHost),
  'GET /api/v1/explain?q=orders': answer('orders', healthyHost, staleHost),
  'GET /api/v1/explain?q=orders.nowhere': answer('orders.nowhere'),
  'GET /api/v1/explain?q=10.9.9.9': answer('10.9.9.9'),
  'GET /api/v1/export?format=istio': {
    type: 'application/yaml',
    body: 'apiVersion: networking.istio.io/v1\nkind: ServiceEntry\n',
  },
  'GET /api/v1/export?format=json': { body: { items: [] } },
};

export { NODE };
