import fc from 'fast-check';
import { POLICIES, RUNGS, positionOf } from '@isthmus/ladder';
import { NOWHERE } from '@isthmus/model';
import type { MeshService, ServicePort } from '@isthmus/model';
import { istioKey, parseIstioYaml } from '@isthmus/policy';
import type { IstioObject } from '@isthmus/proto/istio';
import { meshService } from '@isthmus/translate/testing';
import type { NodeInfo } from '@isthmus/xds';
import type { ConsumerPosition } from '../consumer-policies.ts';

const HTTP: ServicePort = { number: 80, name: 'http', protocol: 'http' };
const API: ServicePort = { number: 8080, name: 'grpc-api', protocol: 'grpc' };
const DB: ServicePort = { number: 3306, name: 'tcp-db', protocol: 'tcp' };

const PORTS: readonly (readonly ServicePort[])[] = [[HTTP], [HTTP, API], [DB], [DB, HTTP], [API]];
const HOSTS = [
  'orders.shop.svc.cluster.local',
  'payments.shop.svc.cluster.local',
  'web.front.svc.cluster.local',
  'legacy.public.nacos',
];

interface SketchedService {
  readonly ports: readonly ServicePort[];
  readonly instances: readonly {
    readonly address: string;
    readonly version: string;
    readonly zone: string;
    readonly healthy: boolean;
  }[];
  readonly exportTo: readonly string[] | undefined;
  readonly dns: boolean;
}

const anyService: fc.Arbitrary<SketchedService> = fc.record({
  ports: fc.constantFrom(...PORTS),
  instances: fc.array(
    fc.record({
      address: fc.constantFrom('10.0.0.1', '10.0.0.2', '10.0.0.3'),
      version: fc.constantFrom('v1', 'v2'),
      zone: fc.constantFrom('', 'a', 'b'),
      healthy: fc.boolean(),
    }),
    { maxLength: 3 },
  ),
  exportTo: fc.constantFrom(undefined, ['*'], ['.'], ['front']),
  dns: fc.boolean(),
});

/** By name; of each name there is at most one at a time. */
const OBJECTS: Readonly<Record<string, readonly string[]>> = {
  canary: [
    vs(
      'canary',
      '{ hosts: [orders], http: [{ route: [{ destination: { host: orders, subset: v1 }, weight: 90 }, { destination: { host: orders, subset: v2 }, weight: 10 }] }] }',
    ),
    vs(
      'canary',
      '{ hosts: [orders], http: [{ match: [{ headers: { x: { exact: y } } }], route: [{ destination: { host: payments } }] }, { route: [{ destination: { host: orders } }] }] }',
    ),
  ],
  wild: [
    vs('wild', '{ hosts: ["*.shop.svc.cluster.local"], http: [{ timeout: 3s, route: [{ destination: { host: payments } }] }] }'),
  ],
  outside: [
    vs('outside', '{ hosts: [outside.example.com], http: [{ route: [{ destination: { host: legacy.public.nacos } }] }] }'),
  ],
  root: [vs('root', '{ hosts: [payments], http: [{ match: [{ uri: { prefix: /a } }], delegate: { name: part } }] }')],
  part: [
    vs('part', '{ http: [{ route: [{ destination: { host: orders } }] }] }'),
    vs('part', '{ http: [{ rewrite: { uri: /b }, route: [{ destination: { host: orders } }] }] }'),
  ],
  labels: [
    vs(
      'labels',
      '{ hosts: [orders], http: [{ match: [{ sourceLabels: { app: web } }], route: [{ destination: { host: payments } }] }, { route: [{ destination: { host: orders } }] }] }',
    ),
  ],
  database: [vs('database', '{ hosts: [orders], tcp: [{ route: [{ destination: { host: orders, subset: v1 } }] }] }')],
  subsets: [
    dr('subsets', '{ host: orders, subsets: [{ name: v1, labels: { version: v1 } }, { name: v2, labels: { version: v2 } }] }'),
    dr(
      'subsets',
      '{ host: orders, trafficPolicy: { loadBalancer: { consistentHash: { httpHeaderName: x } } }, subsets: [{ name: v1, labels: { version: v1 } }] }',
    ),
  ],
  outliers: [
    dr('outliers', '{ host: "*.shop.svc.cluster.local", trafficPolicy: { outlierDetection: { consecutive5xxErrors: 7 } } }'),
  ],
  chosen: [
    dr(
      'chosen',
      '{ host: payments, workloadSelector: { matchLabels: { app: web } }, trafficPolicy: { connectionPool: { tcp: { maxConnections: 7 } } } }',
    ),
  ],
  edge: [
    object(
      'Gateway',
      'edge',
      '{ selector: { istio: ingress }, servers: [{ port: { number: 80, name: http, protocol: HTTP }, hosts: ["*"] }, { port: { number: 443, name: tls, protocol: TLS }, tls: { mode: PASSTHROUGH }, hosts: ["*.example.com"] }] }',
    ),
    object(
      'Gateway',
      'edge',
      '{ selector: { istio: ingress }, servers: [{ port: { number: 80, name: http, protocol: HTTP }, hosts: ["shop/*.example.com"] }, { port: { number: 15443, name: auto, protocol: TLS }, tls: { mode: AUTO_PASSTHROUGH }, hosts: ["*"] }] }',
    ),
  ],
  entrance: [
    vs(
      'entrance',
      '{ hosts: [www.example.com], gateways: [edge], http: [{ match: [{ uri: { prefix: /o } }], route: [{ destination: { host: orders } }] }, { route: [{ destination: { host: payments } }] }] }',
    ),
    vs(
      'entrance',
      '{ hosts: ["*.example.com"], gateways: [edge, mesh], http: [{ route: [{ destination: { host: orders, subset: v1 } }] }] }',
    ),
    vs(
      'entrance',
      '{ hosts: [db.example.com], gateways: [edge], tls: [{ match: [{ sniHosts: [db.example.com] }], route: [{ destination: { host: orders } }] }] }',
    ),
  ],
  sidecar: [
    object('Sidecar', 'sidecar', '{ egress: [{ hosts: ["./*"] }] }'),
    object(
      'Sidecar',
      'sidecar',
      '{ workloadSelector: { labels: { app: web } }, egress: [{ port: { number: 9000, protocol: HTTP, name: http }, hosts: ["shop/*"] }, { hosts: ["*/payments.shop.svc.cluster.local"] }] }',
    ),
  ],
};

const anyPosition: fc.Arbitrary<ConsumerPosition> = fc.record({
  consumers: fc.constantFrom(['*'], ['web'], ['other', 'web']),
  target: fc.record({ host: fc.constantFrom(...HOSTS), port: fc.constantFrom(80, 8080) }),
  position: fc.option(
    fc
      .tuple(fc.constantFrom(...RUNGS), fc.constantFrom(20, 100), fc.subarray([...POLICIES]))
      .map(([rung, percent, hand]) => positionOf(rung, percent, hand)),
    { nil: undefined },
  ),
});

/** A plan's position, a service of a registry, or an Istio object: each is there afterwards, another one or gone. */
export const anyChange = fc.oneof(
  anyPosition,
  fc.record({ host: fc.constantFrom(...HOSTS), to: fc.option(anyService, { nil: undefined }) }),
  fc
    .constantFrom(...Object.keys(OBJECTS))
    .chain((name) =>
      fc.record({ object: fc.constant(name), text: fc.option(fc.constantFrom(...(OBJECTS[name] ?? [])), { nil: undefined }) }),
    ),
);

/** One of each sort of node. */
export const NODES: readonly NodeInfo[] = [
  node('plain', {}),
  node('egress', { HTTP_PROXY_PORT: '15004' }),
  node('web', { HTTP_PROXY_PORT: '15004', LABELS: { app: 'web' } }),
  node('sidecar~10.0.0.1~web-1.shop~shop.svc.cluster.local', { INTERCEPTION_MODE: 'REDIRECT', LABELS: { app: 'web' } }),
  node('sidecar~10.9.0.1~other-1.front~front.svc.cluster.local', { INTERCEPTION_MODE: 'NONE', WORKLOAD_NAME: 'other' }),
  {
    ...node('sidecar~10.0.0.2~far-1.shop~shop.svc.cluster.local', { HTTP_PROXY_PORT: '15004' }),
    locality: { ...NOWHERE, zone: 'a' },
  },
  node('router~10.0.0.9~edge-1.shop~shop.svc.cluster.local', { LABELS: { istio: 'ingress' } }),
  node('sidecar~10.0.0.3~grpc-1.shop~shop.svc.cluster.local', { GENERATOR: 'grpc' }),
];

/** The service as a registry tells it. */
export function sketchedService(host: string, { ports, instances, exportTo, dns }: SketchedService): MeshService {
  const endpoints = instances.flatMap(({ address, version, zone, healthy }, n) =>
    ports.map((port) => ({
      instanceId: String(n),
      address,
      port: port.number + 1,
      portName: port.name,
      health: healthy ? ('healthy' as const) : ('unhealthy' as const),
      locality: { zone },
      labels: { version },
    })),
  );
  return meshService({
    host,
    namespace: host.split('.')[1] ?? '',
    resolution: dns ? 'dns' : 'static',
    ports,
    endpoints,
    origins: [`shop/public/DEFAULT_GROUP/${host}`],
    vip: `240.241.0.${HOSTS.indexOf(host) + 1}`,
    ...(exportTo && { exportTo }),
  });
}

function vs(name: string, spec: string): string {
  return object('VirtualService', name, spec);
}

function dr(name: string, spec: string): string {
  return object('DestinationRule', name, spec);
}

function object(kind: string, name: string, spec: string): string {
  return `{ apiVersion: networking.istio.io/v1, kind: ${kind}, metadata: { name: ${name}, namespace: shop }, spec: ${spec} }`;
}

export function parse(text: string): IstioObject {
  const { objects, problems } = parseIstioYaml(text, { file: 'rules.yaml', defaultNamespace: 'shop' });
  const [parsed] = objects;
  if (parsed === undefined) throw new Error(problems.map(({ what }) => what).join());
  if (!istioKey(parsed).includes('/shop/')) throw new Error(`${istioKey(parsed)} is not of the namespace shop`);
  return parsed;
}

function node(id: string, metadata: Readonly<Record<string, unknown>>): NodeInfo {
  return { id, cluster: '', metadata, userAgent: 'envoy 1.40.0' };
}
