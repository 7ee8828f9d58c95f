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
  plans: [
    {
      name: 'orders',
      target: ORDERS,
      host: ORDERS,
      port: 80,
      consumers: ['web', 'batch'],
      origin: 'file',
      state: 'running',
      step: 3,
      steps: 7,
      rung: 'traffic',
      percent: 5,
      since: NOW - 720_000,
      agents: { connected: 3, acknowledged: 2, notConnected: ['web/3-c'] },
      waitsFor: ['web/1-a is at sdk: the sidecar does not answer or is not ready'],
      last: { at: NOW - 720_000, by: 'time', what: 'began step 3 of 7, traffic 5 %', why: 'step 2 of 7 is over' },
      processes: [
        {
          ...{ service: 'web', instance: '1-a', connected: true, acknowledged: true, acknowledgedAt: NOW - 4_000 },
          effective: { rung: 'sdk', percent: 100 },
          why: 'the sidecar does not answer or is not ready',
        },
        {
          ...{ service: 'web', instance: '3-c', connected: false, acknowledged: false, acknowledgedAt: NOW - 800_000 },
          effective: { rung: 'shadow', percent: 100 },
          why: 'it is not connected: it keeps the plan that it heard of last',
        },
        {
          ...{ service: 'batch', instance: '9-z', connected: true, acknowledged: false },
          why: 'it has not said yet that the newest plan is in force there',
        },
        {
          ...{ service: 'web', instance: '2-b', connected: true, acknowledged: true, acknowledgedAt: NOW - 9_000 },
          effective: { rung: 'traffic', percent: 5 },
        },
      ],
      withdrawn: [],
    },
    {
      name: 'orders-old',
      target: SHOP,
      host: ORDERS,
      port: 80,
      consumers: ['*'],
      origin: 'api',
      state: 'done',
      step: 2,
      steps: 2,
      rung: 'retired',
      percent: 100,
      since: NOW - 7_200_000,
      agents: { connected: 0, acknowledged: 0, notConnected: [] },
      waitsFor: [],
      processes: [],
      withdrawn: [
        { registry: 'shop', sdkName: 'nacos/public/DEFAULT_GROUP/orders', state: 'out', before: 3, listed: 0 },
        { registry: 'old', sdkName: 'eureka///ORDERS', state: 'returning', before: 1 },
      ],
    },
    {
      name: 'orders-too',
      target: ORDERS,
      consumers: ['web'],
      origin: 'api',
      state: 'waiting',
      steps: 2,
      rung: 'sdk',
      percent: 100,
      since: NOW - 60_000,
      why: 'plan orders has its target for one of its consumers',
      agents: { connected: 0, acknowledged: 0, notConnected: [] },
      waitsFor: [],
      processes: [],
      withdrawn: [],
    },
  ],
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
