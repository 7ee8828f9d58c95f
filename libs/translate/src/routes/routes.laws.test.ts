import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { fromBinary } from '@bufbuild/protobuf';
import type { JsonValue } from '@bufbuild/protobuf';
import { RouteConfigurationSchema } from '@isthmus/proto/envoy';
import { routeScope } from '../testing/route-scope.ts';
import type { ServiceSketch } from '../testing/mesh-service.ts';
import type { MeshSketch, ObjectSketch } from '../testing/route-scope.ts';
import { RouteAssembly } from './route-assembly.ts';
import { virtualHostsOfRule } from './rule-hosts.ts';
import { virtualHostsOfService } from './service-hosts.ts';
import { sidecarRoute } from './sidecar-route.ts';
import { sidecarRouteResource, sidecarRouteTail } from './sidecar-routes.ts';

const HOSTS = [
  'a.wild.example',
  'b.wild.example',
  'orders.shop.svc.cluster.local',
  'orders.shop',
  'orders.other.svc.cluster.local',
];
const ROUTES = ['80', '8080', 'http_proxy'];

const service: fc.Arbitrary<ServiceSketch> = fc.record({
  host: fc.constantFrom(...HOSTS),
  ports: fc.constantFrom(
    [{ number: 80, name: 'http', protocol: 'http' as const }],
    [{ number: 8080, name: 'http', protocol: 'http' as const }],
    [
      { number: 80, name: 'http', protocol: 'http' as const },
      { number: 8080, name: 'grpc', protocol: 'grpc' as const },
    ],
    [{ number: 80, name: 'tcp', protocol: 'tcp' as const }],
  ),
});
const rule: fc.Arbitrary<ObjectSketch> = fc.record({
  name: fc.uuid(),
  createdAt: fc.nat(3),
  spec: fc.record({
    hosts: fc.uniqueArray(fc.constantFrom(...HOSTS, '*.wild.example', '*', 'alias.example'), { minLength: 1, maxLength: 3 }),
    http: fc.constantFrom<JsonValue>(
      [{ route: [{ destination: { host: 'orders.shop' } }] }],
      [{ match: [{ port: 8080 }], route: [{ destination: { host: 'orders.shop' } }] }],
      [
        {
          match: [{ headers: { b: { exact: '1' }, a: { prefix: '2' } } }, { uri: { prefix: '/' } }],
          directResponse: { status: 200 },
        },
      ],
    ),
  }),
});
const meshes = fc.record({
  services: fc.uniqueArray(service, { selector: ({ host }) => host, maxLength: 5 }),
  virtualServices: fc.uniqueArray(rule, { selector: ({ name }) => name ?? '', maxLength: 4 }).map(inOrder),
});

describe('the routes of a sidecar', () => {
  test('do not depend on the order in which services are listed', () => {
    fc.assert(
      fc.property(meshes, fc.constantFrom(...ROUTES), (mesh, route) => {
        const other = { ...mesh, services: mesh.services.toReversed() };
        expect(sidecarRouteResource(routeScope(other), route)).toEqual(sidecarRouteResource(routeScope(mesh), route));
      }),
    );
  });

  test('unit by unit are those made at once', () => {
    fc.assert(
      fc.property(meshes, fc.constantFrom(...ROUTES), (mesh, route) => {
        const assembly = new RouteAssembly(route);
        for (const [unit, hosts] of unitsOf(mesh, route).toReversed()) assembly.set(unit, hosts);
        const scope = routeScope(mesh);
        expect(assembly.compose(sidecarRouteTail(scope, route))).toEqual(sidecarRouteResource(scope, route));
      }),
    );
  });

  test('name every domain once', () => {
    fc.assert(
      fc.property(meshes, fc.constantFrom(...ROUTES), (mesh, route) => {
        const { bytes } = sidecarRouteResource(routeScope(mesh), route);
        const domains = fromBinary(RouteConfigurationSchema, bytes)
          .virtualHosts.slice(0, -1)
          .flatMap((host) => host.domains); // without the catch-all
        expect(new Set(domains).size).toBe(domains.length);
      }),
    );
  });
});

function unitsOf(mesh: MeshSketch, name: string) {
  const scope = routeScope(mesh);
  const route = sidecarRoute(scope, name);
  if (route === undefined) throw new Error(`no route ${name}`);
  return [
    ...route.egress.virtualServices().map((each) => [each.name, virtualHostsOfRule(scope, route, each)] as const),
    ...[...route.egress.services()].map((each) => [each.host as string, virtualHostsOfService(scope, route, each)] as const),
  ];
}

function inOrder(rules: readonly ObjectSketch[]): readonly ObjectSketch[] {
  return rules.toSorted((a, b) => (a.createdAt ?? 0) - (b.createdAt ?? 0) || ((a.name ?? '') < (b.name ?? '') ? -1 : 1));
}
