import { expect, test } from '@jest/globals';
import { destinationRule, routeScope, virtualService } from '../testing/route-scope.ts';
import { GatewayRuleCache } from './gateway-rule-cache.ts';
import { gatewayRouteResource } from './gateway-route.ts';
import type { RouteServer } from './gateway-route.ts';

const server: RouteServer = { gateway: 'shop/web', port: 80, hosts: ['*'], tls: false, httpsRedirect: false };
const spec = { hosts: ['a.example'], gateways: ['shop/web'], http: [{ route: [{ destination: { host: 'orders.shop' } }] }] };

test('a rule is encoded once for a server, and again when it is another or was dropped', () => {
  const cache = new GatewayRuleCache(routeScope({ proxy: { kind: 'router' } }));
  const rule = virtualService({ spec });
  const first = cache.rulesOf(server, rule);
  expect(cache.rulesOf({ ...server, hosts: ['b.example'] }, rule)).toBe(first);
  expect(cache.rulesOf({ ...server, tls: true }, rule)).not.toBe(first);
  expect(cache.rulesOf(server, { ...rule })).not.toBe(first);
  cache.drop(rule);
  expect(cache.rulesOf(server, rule)).not.toBe(first);
  const again = cache.rulesOf(server, rule);
  cache.clear();
  expect(cache.rulesOf(server, rule)).not.toBe(again);
});

test('routes made with it are those made from nothing, also after a DestinationRule came', () => {
  const scope = routeScope({ proxy: { kind: 'router' }, virtualServices: [{ spec }] });
  const cache = new GatewayRuleCache(scope);
  const cached = (): unknown => gatewayRouteResource(scope, 'http.80', [server], cache.rulesOf);
  const anew = (): unknown => gatewayRouteResource(scope, 'http.80', [server]);
  expect(cached()).toEqual(anew());
  const before = cached();
  const hash = destinationRule({
    spec: { host: 'orders.shop', trafficPolicy: { loadBalancer: { consistentHash: { useSourceIp: true } } } },
  });
  Object.assign(scope, { destinationRule: () => hash });
  for (const rule of scope.virtualServicesOf('shop/web')) cache.drop(rule);
  expect(cached()).toEqual(anew());
  expect(cached()).not.toEqual(before);
});
