import { expect, test } from '@jest/globals';
import { fromBinary } from '@bufbuild/protobuf';
import { NOWHERE } from '@isthmus/model';
import type { MeshHost, MeshService } from '@isthmus/model';
import { parseIstioYaml } from '@isthmus/policy';
import { RouteConfigurationSchema } from '@isthmus/proto/envoy';
import { ROUTE_TYPE } from '@isthmus/translate';
import type { Proxy } from '@isthmus/translate';
import { MeshPublisher } from './mesh-publisher.ts';

const PROXY: Proxy = {
  kind: 'sidecar',
  grpc: false,
  namespace: 'shop',
  dnsDomain: 'shop.svc.cluster.local',
  addresses: [],
  labels: {},
  interception: 'explicit',
  egress: undefined,
  locality: NOWHERE,
  cluster: '',
  network: '',
};
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

function hostsIn(publisher: MeshPublisher): readonly string[] {
  const route = publisher.store.resources(ROUTE_TYPE).get('http_proxy');
  if (route === undefined) throw new Error('there is no route');
  const { virtualHosts } = fromBinary(RouteConfigurationSchema, route.bytes);
  return virtualHosts.flatMap(({ domains }) => domains.filter((domain) => domain.endsWith('.mesh'))).toSorted();
}

function sidecar(hosts: string) {
  const text = `{ apiVersion: networking.istio.io/v1, kind: Sidecar, metadata: { name: all, namespace: shop }, spec: { egress: [{ hosts: ${hosts} }] } }`;
  const [object] = parseIstioYaml(text, { file: 'sidecar.yaml', defaultNamespace: 'shop' }).objects;
  if (object === undefined) throw new Error('the Sidecar is not valid');
  return object;
}

function service(host: MeshHost): MeshService {
  return {
    host,
    namespace: 'shop',
    resolution: 'static',
    ports: [{ number: 80, name: 'http', protocol: 'http' }],
    endpoints: [],
    origins: [],
    vip: '240.241.0.1',
    diagnostics: [],
  };
}
