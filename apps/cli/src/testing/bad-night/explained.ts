import type { ExplainedHost } from '@isthmus/contract';
import { NOW } from '../run-cli.ts';
import { bare, endpoint, endpoints, grpc, http, ORDERS, SHOP, weightDiagnostic } from './mesh.ts';
import { TYPES } from './proxies.ts';

export const healthyHost: ExplainedHost = {
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
  trafficRules: {
    virtualServices: [
      {
        name: 'shop/orders',
        place: 'istio.d/orders.yaml:1:1',
        namesHost: true,
        sendsTo: true,
        gateways: ['mesh'],
        delegates: ['shop/orders-v2'],
      },
      {
        name: 'edge/front',
        place: 'k8s VirtualService edge/front',
        namesHost: false,
        sendsTo: true,
        gateways: ['edge/front'],
        delegates: [],
      },
    ],
    destinationRules: [
      { name: 'shop/orders', place: 'istio.d/a.yaml:1:1 + istio.d/b.yaml:1:1', callers: ['*'], subsets: ['v1', 'v2'] },
      { name: 'web/orders', place: 'istio.d/web.yaml:1:1', callers: ['web'], selector: { app: 'web' }, subsets: [] },
    ],
    hiddenBy: [{ name: 'batch/default', place: 'istio.d/batch.yaml:1:1' }],
    diagnostics: [
      {
        code: 'istio.warning',
        severity: 'warning',
        where: 'istio.d/a.yaml:1:1',
        what: 'trafficPolicy: tunnel is not in this version',
        meaning: 'connections go straight to the service',
        remedy: 'take it out, or keep such calls on a mesh with istiod',
      },
    ],
  },
  leftOut: [
    { address: 'fd00::7', port: 8080, service: SHOP, reason: 'unhealthy at the registry' },
    { address: `${SHOP} orders-3`, port: 0, service: SHOP, reason: 'weight -1 is not a number of at least 0 [weight.invalid]' },
    { address: 'translate orders-9', port: 0, service: ORDERS, reason: 'its locality is too long [translate.rejected]' },
  ],
};

export const staleHost: ExplainedHost = {
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

export const twoClaims: ExplainedHost = {
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
