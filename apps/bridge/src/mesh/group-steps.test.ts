import { fromBinary } from '@bufbuild/protobuf';
import { expect, test } from '@jest/globals';
import type { MeshHost } from '@isthmus/model';
import { parseIstioYaml } from '@isthmus/policy';
import { RouteConfigurationSchema } from '@isthmus/proto/envoy';
import type { IstioObject } from '@isthmus/proto/istio';
import { meshService, proxyOf } from '@isthmus/translate/testing';
import type { ResourceChange } from '@isthmus/xds';
import { GatewayEdge } from './gateway-edge.ts';
import { GroupRoutes } from './group-routes.ts';
import { openMesh } from './open-mesh.ts';
import type { Mesh } from './open-mesh.ts';
import { RULES } from './testing/mesh-of-services.ts';

type Rule = IstioObject<'VirtualService'>;

const GATEWAY = `apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: edge, namespace: isthmus }
spec: { selector: { app: edge }, servers: [{ port: { number: 80, name: http, protocol: HTTP }, hosts: ['*'] }] }
`;

function parse(text: string): IstioObject {
  return parseIstioYaml(text, { file: 'rules.yaml', defaultNamespace: 'isthmus' }).objects[0] as IstioObject;
}

function bound(n: number, path: string): IstioObject {
  return parse(`{ apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: { name: rule-${n}, namespace: isthmus },
    spec: { gateways: [edge], hosts: [rule-${n}.example], http: [{ match: [{ uri: { exact: ${path} } }], directResponse: { status: 200 } }] } }`);
}

function take(mesh: Mesh, changes: readonly (readonly [IstioObject | undefined, IstioObject | undefined])[]): void {
  mesh.publisher.queueRules(changes.map(([before, after]) => ({ before, after })));
  for (const _ of mesh.publisher.applyRules());
}

/** The names of the virtual hosts, and the paths that they match. */
function told(changes: readonly ResourceChange[]): string {
  const routes = changes.flatMap(({ name, resource }) => {
    if (resource === undefined || !name.startsWith('http')) return [];
    return fromBinary(RouteConfigurationSchema, resource.bytes).virtualHosts;
  });
  const paths = routes.flatMap((host) => host.routes.map(({ match }) => String(match?.pathSpecifier.value ?? '')));
  return [...routes.map(({ name }) => name), ...paths].join(' ');
}

function composed(steps: Generator<void, readonly ResourceChange[]>): string {
  let step = steps.next();
  while (step.done !== true) step = steps.next();
  return told(step.value);
}

test('the routes of a new group take each rule in a step of its own, and as it is then', () => {
  const mesh = openMesh();
  mesh.publisher.publish('s0.mesh' as MeshHost, meshService({ host: 's0.mesh', namespace: 'isthmus', endpoints: [] }));
  take(
    mesh,
    RULES.map((rule) => [undefined, rule] as const),
  );
  const routes = new GroupRoutes(mesh.publisher.scopeFor(proxyOf({ namespace: 'isthmus', interception: 'explicit' })));
  const reset = routes.reset();
  let steps = 0;
  const [gone, last] = [RULES[0], RULES.at(-1)];
  const other =
    parse(`{ apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: { name: rule-39, namespace: isthmus },
    spec: { hosts: [other.example], http: [{ directResponse: { status: 200 } }] } }`);
  for (; steps < 10; steps += 1) reset.next();
  take(mesh, [
    [gone, undefined],
    [last, other],
  ]);
  for (const rule of [gone, last, other]) routes.rule(rule as Rule);
  for (const _ of reset) steps += 1;
  expect(steps).toBeGreaterThanOrEqual(2 * RULES.length);
  const said = composed(routes.compose());
  expect(said).toContain('rule-1.example');
  expect(said).toContain('other.example');
  expect(said).not.toContain('rule-0.example');
  expect(said).not.toContain('rule-39.example');
});

test('so do those of a new group of routers', () => {
  const mesh = openMesh();
  const rules = Array.from({ length: 20 }, (_, n) => bound(n, '/before'));
  take(mesh, [[undefined, parse(GATEWAY)], ...rules.map((rule) => [undefined, rule] as const)]);
  const edge = new GatewayEdge(
    mesh.publisher.scopeFor(proxyOf({ kind: 'router', namespace: 'isthmus', labels: { app: 'edge' } })),
  );
  const reset = edge.reset();
  let steps = 0;
  for (; steps < 5; steps += 1) reset.next();
  const after = bound(19, '/after');
  take(mesh, [
    [rules[0], undefined],
    [rules[19], after],
  ]);
  for (const rule of [rules[0], rules[19], after]) {
    // As the publisher tells of it: gateways by their long names.
    edge.rule({ ...(rule as Rule), spec: { ...(rule as Rule).spec, gateways: ['isthmus/edge'] } });
  }
  for (const _ of reset) steps += 1;
  expect(steps).toBeGreaterThanOrEqual(rules.length);
  expect([...edge.hosts()]).not.toContain('rule-0.example');
  const said = composed(edge.changes());
  expect(said).toContain('/before');
  expect(said).toContain('/after');
});
