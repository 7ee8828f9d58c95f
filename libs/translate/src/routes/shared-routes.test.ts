import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { routeScope, virtualService } from '../testing/route-scope.ts';
import type { MeshSketch } from '../testing/route-scope.ts';
import { gatewayRules } from './gateway-route.ts';
import { virtualHostsOfRule } from './rule-hosts.ts';
import { sidecarRoute } from './sidecar-route.ts';
import type { RouteServer } from './gateway-route.ts';

const to = (host: string, port?: number) => [
  { destination: { host, ...(port === undefined ? {} : { port: { number: port } }) } },
];
const rule = virtualService({
  spec: {
    hosts: ['orders.shop'],
    gateways: ['mesh', 'shop/web'],
    http: [
      { match: [{ sourceLabels: { app: 'tester' } }], route: to('stock.shop', 80) },
      { match: [{ sourceNamespace: 'shop', uri: { prefix: '/own' } }], route: to('stock.shop', 80) },
      { match: [{ port: 8080, uri: { prefix: '/8080' } }], route: to('stock.shop', 8080) },
      { match: [{ uri: { prefix: '/any' } }], route: to('stock.shop') },
      { redirect: { uri: '/' } },
    ],
  },
});
const http = (number: number) => ({ number, name: `http-${number}`, protocol: 'http' as const });
const hash = { trafficPolicy: { loadBalancer: { consistentHash: { useSourceIp: true } } } };
const retries = virtualService({ spec: { http: [{ retries: { attempts: 7 } }] } }).spec.http[0]?.retries;

const sketch: fc.Arbitrary<MeshSketch> = fc.record({
  proxy: fc.record({
    namespace: fc.constantFrom('shop', 'other'),
    grpc: fc.boolean(),
    labels: fc.constantFrom({}, { app: 'tester' }, { app: 'other' }, { tier: 'front' }),
  }),
  mesh: fc.constantFrom({}, { retries }),
  services: fc
    .tuple(fc.constantFrom([http(80)], [http(80), http(8080)]), fc.constantFrom([http(80)], [http(8080)], [http(80), http(81)]))
    .map(([orders, stock]) => [
      { host: 'orders.shop', ports: orders },
      { host: 'stock.shop', ports: stock },
    ]),
  destinationRules: fc.constantFrom([], [{ spec: { host: 'stock.shop' } }], [{ spec: { host: 'stock.shop', ...hash } }]),
});

test('what one proxy gets is never another’s: the routes shared are those made for it alone', () => {
  fc.assert(
    fc.property(fc.array(sketch, { minLength: 1, maxLength: 6 }), fc.constantFrom('80', '8080', 'http_proxy'), (meshes, name) => {
      for (const mesh of meshes) {
        const scope = routeScope(mesh);
        const route = sidecarRoute(scope, name);
        if (route === undefined) throw new Error(`no route ${name}`);
        expect(virtualHostsOfRule(scope, route, rule)).toEqual(virtualHostsOfRule(scope, route, { ...rule }));
        const server: RouteServer = {
          gateway: 'shop/web',
          port: 8080,
          hosts: ['*'],
          tls: scope.proxy.grpc,
          httpsRedirect: false,
        };
        expect(gatewayRules(scope, server, rule)).toEqual(gatewayRules(scope, server, { ...rule }));
      }
    }),
  );
});

test('proxies that a rule does not tell apart have the same bytes, until a DestinationRule does', () => {
  const plain = virtualService({ spec: { hosts: ['orders.shop'], http: [{ route: to('stock.shop', 80) }] } });
  const services = [{ host: 'orders.shop' }, { host: 'stock.shop' }];
  const bodyFor = (mesh: MeshSketch): Uint8Array | undefined => {
    const scope = routeScope({ services, ...mesh });
    const route = sidecarRoute(scope, '80');
    return route && virtualHostsOfRule(scope, route, plain)[0]?.body;
  };
  const body = bodyFor({ proxy: { namespace: 'shop' } });
  expect(body).toBeDefined();
  expect(bodyFor({ proxy: { namespace: 'other', labels: { app: 'x' } } })).toBe(body);
  const hashed = bodyFor({ destinationRules: [{ spec: { host: 'stock.shop', ...hash } }] });
  expect(hashed).not.toEqual(body);
});

test('who calls by port and who calls by name have the same bytes, unless a destination leaves its port to its service', () => {
  const services = [{ host: 'orders.shop' }, { host: 'stock.shop', ports: [http(8080)] }];
  const scope = routeScope({ services });
  const bodies = (port: number | undefined): readonly (Uint8Array | undefined)[] => {
    const rule = virtualService({ spec: { hosts: ['orders.shop'], http: [{ route: to('stock.shop', port) }] } });
    return ['80', 'http_proxy'].map((name) => {
      const route = sidecarRoute(scope, name);
      return route && virtualHostsOfRule(scope, route, rule)[0]?.body;
    });
  };
  const [byPort, byName] = bodies(8080);
  expect(byPort).toBeDefined();
  expect(byName).toBe(byPort);
  const [onPort, asService] = bodies(undefined);
  expect(Buffer.from(onPort ?? []).toString('latin1')).toContain('outbound|80||stock.shop');
  expect(Buffer.from(asService ?? []).toString('latin1')).toContain('outbound|8080||stock.shop');
});
