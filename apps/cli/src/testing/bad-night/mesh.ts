import type { EndpointView, ItemList, ReplicaView, ServiceDetail, ServiceView, SourceView } from '@isthmus/contract';
import type { Diagnostic } from '@isthmus/model';
import { NOW } from '../run-cli.ts';

export const ORDERS = 'orders.default-group.public.nacos';
export const SHOP = 'shop/public/DEFAULT_GROUP/orders';
export const NODE = 'sidecar~127.0.0.1~web.default~default.svc.cluster.local';

/** A follower that has lost the store. */
export const replica: ReplicaView = {
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

export const sources: ItemList<SourceView> = {
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

export const http = { number: 80, name: 'http-80', protocol: 'http' } as const;
export const grpc = { number: 9000, name: 'grpc-9000', protocol: 'grpc' } as const;

export const services: ItemList<ServiceView> = {
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

export const weightDiagnostic: Diagnostic = {
  code: 'weight.invalid',
  severity: 'error',
  where: `${SHOP} orders-3`,
  what: 'weight -1 is not a number of at least 0',
  meaning: 'the instance gets no traffic',
  remedy: 'set a weight between 0 and 10000 (1 is normal)',
};

export const endpoint: EndpointView = {
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
export const bare = { locality: '', cluster: '', labels: {} };
export const endpoints: readonly EndpointView[] = [
  endpoint,
  { ...endpoint, ...bare, address: '10.0.0.10', weight: 0.5 },
  { ...endpoint, ...bare, address: 'fd00::7', health: 'unhealthy', takesTraffic: false },
];

export const detail: ServiceDetail = {
  host: ORDERS,
  ports: [http],
  endpoints,
  healthy: 2,
  origins: [SHOP],
  stale: false,
  diagnostics: [weightDiagnostic],
};
