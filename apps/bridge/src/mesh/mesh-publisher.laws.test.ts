import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { POLICIES, RUNGS, positionOf } from '@isthmus/ladder';
import { NOWHERE } from '@isthmus/model';
import type { Endpoint, MeshHost, MeshService, ServiceId, ServicePort } from '@isthmus/model';
import { istioKey, parseIstioYaml } from '@isthmus/policy';
import type { IstioObject } from '@isthmus/proto/istio';
import { CLUSTER_TYPE, ENDPOINT_TYPE, LISTENER_TYPE, ROUTE_TYPE } from '@isthmus/translate';
import type { NodeInfo, ResourceView } from '@isthmus/xds';
import type { ConsumerPosition } from './consumer-policies.ts';
import { openMesh } from './open-mesh.ts';
import type { Mesh } from './open-mesh.ts';

const TYPES = [CLUSTER_TYPE, ENDPOINT_TYPE, LISTENER_TYPE, ROUTE_TYPE];

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

const anyService = fc.record({
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

const anyChange = fc.oneof(
  anyPosition,
  fc.record({ host: fc.constantFrom(...HOSTS), to: fc.option(anyService, { nil: undefined }) }),
  fc
    .constantFrom(...Object.keys(OBJECTS))
    .chain((name) =>
      fc.record({ object: fc.constant(name), text: fc.option(fc.constantFrom(...(OBJECTS[name] ?? [])), { nil: undefined }) }),
    ),
);

const NODES: readonly NodeInfo[] = [
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

test('whatever changed in whatever order, every node is served what it would be from nothing', () => {
  fc.assert(
    fc.property(
      fc.array(fc.array(anyChange, { minLength: 1, maxLength: 4 }), { maxLength: 8 }),
      fc.array(fc.nat({ max: 8 }), { minLength: NODES.length, maxLength: NODES.length }),
      fc.array(fc.tuple(fc.nat({ max: NODES.length - 1 }), fc.nat({ max: 8 }), fc.nat({ max: 4 })), { maxLength: 6 }),
      (flushes, arrivals, absences) => {
        const mesh = openMesh();
        const positions = new Map<string, ConsumerPosition>();
        const state = { services: new Map<string, MeshService>(), objects: new Map<string, IstioObject>() };
        const views: ResourceView[] = [];
        const ends: ((() => void) | undefined)[] = [];
        const connect = (n: number): void => {
          views[n] = viewOf(mesh, NODES[n] as NodeInfo);
          ends[n] ??= views[n].subscribe(() => undefined);
        };
        const disconnect = (n: number): void => {
          ends[n]?.();
          ends[n] = undefined;
        };
        const arrive = (turn: number): void => {
          for (const n of NODES.keys()) if (arrivals[n] === turn) connect(n);
          for (const [n, from, turns] of absences) {
            if (turn === from) disconnect(n);
            if (turn === from + turns && views[n] !== undefined) connect(n);
          }
        };
        for (const [turn, changes] of flushes.entries()) {
          arrive(turn);
          for (const change of changes) {
            if ('consumers' in change) {
              positions.set(JSON.stringify([change.consumers, change.target]), change);
              mesh.publisher.queuePositions([change]);
            } else if ('host' in change) setService(mesh, state.services, change.host, change.to);
            else setObject(mesh, state.objects, change.object, change.text);
          }
          flush(mesh);
        }
        const fresh = openMesh();
        for (const service of state.services.values()) fresh.publisher.publish(service.host, service);
        fresh.publisher.queueRules([...state.objects.values()].map((after) => ({ before: undefined, after })));
        fresh.publisher.queuePositions([...positions.values()].filter(({ position }) => position !== undefined));
        flush(fresh);
        for (const info of NODES) {
          const grown = viewOf(mesh, info);
          expect([info.id, contentOf(grown)]).toEqual([info.id, contentOf(viewOf(fresh, info))]);
          for (const type of TYPES) expect(grown.version(type)).toBe(viewOf(fresh, info).version(type));
        }
      },
    ),
    { numRuns: Number(process.env['ISTHMUS_LAW_RUNS'] ?? 25) },
  );
});

function setService(
  mesh: Mesh,
  services: Map<string, MeshService>,
  host: string,
  to: Parameters<typeof service>[1] | undefined,
): void {
  const after = to === undefined || to.instances.length === 0 ? undefined : service(host, to);
  if (after === undefined) services.delete(host);
  else services.set(host, after);
  mesh.publisher.publish(host as MeshHost, after);
  mesh.publisher.commit();
}

function setObject(mesh: Mesh, objects: Map<string, IstioObject>, name: string, text: string | undefined): void {
  const before = objects.get(name);
  const after = text === undefined ? undefined : parse(text);
  if (after === undefined) objects.delete(name);
  else objects.set(name, after);
  mesh.publisher.queueRules([{ before, after }]);
}

function flush(mesh: Mesh): void {
  for (const _ of mesh.publisher.applyRules());
  mesh.publisher.commit();
  for (const _ of mesh.publisher.composeRoutes());
}

function viewOf(mesh: Mesh, info: NodeInfo): ResourceView {
  const view = mesh.views.viewFor(info);
  if ('refused' in view) throw new Error(view.refused);
  return view;
}

function contentOf(view: ResourceView): Record<string, readonly string[]> {
  return Object.fromEntries(
    TYPES.map((type) => [type, [...view.resources(type)].map(([name, { version }]) => `${name} ${version}`).sort()]),
  );
}

function service(
  host: string,
  sketch: {
    ports: readonly ServicePort[];
    instances: readonly { address: string; version: string; zone: string; healthy: boolean }[];
    exportTo: readonly string[] | undefined;
    dns: boolean;
  },
): MeshService {
  const origin = `shop/public/DEFAULT_GROUP/${host}` as ServiceId;
  const endpoints = sketch.instances.flatMap((instance, n) =>
    sketch.ports.map((port) => ({ origin, portName: port.name, endpoint: endpointOf(instance, port, n) })),
  );
  return {
    host: host as MeshHost,
    namespace: host.split('.')[1] ?? '',
    resolution: sketch.dns ? 'dns' : 'static',
    ports: sketch.ports,
    endpoints,
    origins: [origin],
    vip: `240.241.0.${HOSTS.indexOf(host) + 1}`,
    ...(sketch.exportTo === undefined ? {} : { exportTo: sketch.exportTo }),
    diagnostics: [],
  };
}

function endpointOf(
  instance: { address: string; version: string; zone: string; healthy: boolean },
  port: ServicePort,
  n: number,
): Endpoint {
  return {
    instanceId: String(n),
    address: instance.address,
    addressType: 'ip',
    port: port.number + 1,
    protocol: port.protocol,
    weight: 1,
    health: instance.healthy ? 'healthy' : 'unhealthy',
    locality: { ...NOWHERE, zone: instance.zone },
    labels: { version: instance.version },
    metadata: {},
    cluster: '',
    network: '',
    identity: '',
  };
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

function parse(text: string): IstioObject {
  const { objects, problems } = parseIstioYaml(text, { file: 'rules.yaml', defaultNamespace: 'shop' });
  const [parsed] = objects;
  if (parsed === undefined) throw new Error(problems.map(({ what }) => what).join());
  expect(istioKey(parsed)).toContain('/shop/');
  return parsed;
}

function node(id: string, metadata: Readonly<Record<string, unknown>>): NodeInfo {
  return { id, cluster: '', metadata, userAgent: 'envoy 1.40.0' };
}
