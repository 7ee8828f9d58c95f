import { expect, test } from '@jest/globals';
import { fromBinary } from '@bufbuild/protobuf';
import type { MeshHost, MeshService } from '@isthmus/model';
import { parseIstioYaml } from '@isthmus/policy';
import { RouteConfigurationSchema } from '@isthmus/proto/envoy';
import { ROUTE_TYPE } from '@isthmus/translate';
import { meshService, proxyOf } from '@isthmus/translate/testing';
import { MeshPublisher } from './mesh-publisher.ts';

const PROXY = proxyOf({ addresses: [], interception: 'explicit' });
const HOSTS = ['orders.mesh', 'payments.mesh', 'carts.mesh'] as MeshHost[];

test('a Sidecar that changes takes no host from the routes, wherever a flush is interrupted', () => {
  let time = 0;
  const options = { domain: 'cluster.local', rootNamespace: 'istio-system', outbound: 'allow-any' } as const;
  const publisher = new MeshPublisher(options, PROXY, () => time);
  for (const host of HOSTS) publisher.publish(host, service(host));
  publisher.queueRules([{ before: undefined, after: sidecar("['*/*']") }]);
  for (const _ of publisher.applyRules());
  for (const _ of publisher.composeRoutes());
  expect(hostsIn(publisher)).toEqual(HOSTS.toSorted());

  publisher.queueRules([{ before: sidecar("['*/*']"), after: sidecar("['shop/*', '*/*']") }]);
  let steps = 0;
  for (const _ of publisher.applyRules()) {
    time += 1_000; // routes are due at every step
    publisher.commit();
    if (publisher.routesAreDue) for (const __ of publisher.composeRoutes());
    expect(hostsIn(publisher)).toEqual(HOSTS.toSorted());
    steps += 1;
  }
  expect(steps).toBeGreaterThan(HOSTS.length);
  for (const _ of publisher.composeRoutes());
  expect(hostsIn(publisher)).toEqual(HOSTS.toSorted());
});

test('the first service on a port has every rule looked at, each in a step of its own, and a Gateway that comes too', () => {
  const options = { domain: 'cluster.local', rootNamespace: 'istio-system', outbound: 'allow-any' } as const;
  const publisher = new MeshPublisher(options, PROXY);
  const sidecars = publisher.groupOf({ ...PROXY, interception: 'redirect' });
  const router = { ...PROXY, kind: 'router', labels: { app: 'edge' }, interception: 'redirect' } as const;
  publisher.groupOf(router);
  publisher.queueRules(Array.from({ length: RULES }, (_, n) => ({ before: undefined, after: rule(n) })));
  for (const _ of publisher.applyRules());
  for (const _ of publisher.composeRoutes());
  expect(sidecars.store.resources(ROUTE_TYPE).has('80')).toBe(false);

  publisher.publish(HOSTS[0]!, service(HOSTS[0]!));
  let steps = 0;
  for (const _ of publisher.composeRoutes()) steps += 1;
  expect(steps).toBeGreaterThan(RULES);
  const route = sidecars.store.resources(ROUTE_TYPE).get('80')!;
  expect(fromBinary(RouteConfigurationSchema, route.bytes).virtualHosts.length).toBeGreaterThan(RULES);

  publisher.queueRules([{ before: undefined, after: object('Gateway', 'edge', GATEWAY) }]);
  for (const _ of publisher.applyRules());
  // Rules look at the label now: the router is of another group, which is filled in turns of its own.
  expect(publisher.groupOf(router).filled).toBeDefined();
});

const RULES = 150;
const GATEWAY = "{ selector: { app: edge }, servers: [{ port: { number: 80, name: http, protocol: HTTP }, hosts: ['*'] }] }";

function rule(n: number) {
  return object('VirtualService', `rule-${n}`, `{ hosts: [rule-${n}.example], http: [{ directResponse: { status: 200 } }] }`);
}

function hostsIn(publisher: MeshPublisher): readonly string[] {
  const route = publisher.store.resources(ROUTE_TYPE).get('http_proxy');
  if (route === undefined) throw new Error('there is no route');
  const { virtualHosts } = fromBinary(RouteConfigurationSchema, route.bytes);
  return virtualHosts.flatMap(({ domains }) => domains.filter((domain) => domain.endsWith('.mesh'))).toSorted();
}

function sidecar(hosts: string) {
  return object('Sidecar', 'all', `{ egress: [{ hosts: ${hosts} }] }`);
}

function object(kind: string, name: string, spec: string) {
  const text = `{ apiVersion: networking.istio.io/v1, kind: ${kind}, metadata: { name: ${name}, namespace: shop }, spec: ${spec} }`;
  const [parsed] = parseIstioYaml(text, { file: 'rules.yaml', defaultNamespace: 'shop' }).objects;
  if (parsed === undefined) throw new Error('the object is not valid');
  return parsed;
}

function service(host: MeshHost): MeshService {
  return meshService({ host, namespace: 'shop', ports: [{ number: 80, name: 'http', protocol: 'http' }], vip: '240.241.0.1' });
}
