import { isObject } from '../resource-set.ts';
import type { Json, JsonObject } from '../resource-set.ts';

const blockAll: JsonObject = {
  name: 'block_all',
  domains: ['*'],
  includeRequestAttemptCount: true,
  routes: [{ name: 'block_all', match: { prefix: '/' }, directResponse: { status: 502 } }],
};

/**
 * The route of the explicit egress listener. Two things of istiod's have no effect there, or a bad one: domains with a port, since
 * Envoy looks hosts up without it (`ignorePortInHostMatching`), and passing unknown hosts on to the original destination, which
 * nobody knows without interception. Ours has names only, and an answer that says what is wrong.
 */
export function explicitProxyRoute(route: JsonObject): JsonObject {
  const { virtualHosts } = route;
  if (!Array.isArray(virtualHosts) || route['ignorePortInHostMatching'] !== true) return route;
  return { ...route, virtualHosts: virtualHosts.map((host: Json) => (isObject(host) ? virtualHost(host) : host)) };
}

function virtualHost(host: JsonObject): JsonObject {
  const { domains } = host;
  if (!Array.isArray(domains)) return host;
  if (domains.length === 1 && domains[0] === '*') return unknownHosts(host);
  const names = domains.map((domain: Json) => (typeof domain === 'string' ? domain.replace(/:\d+$/, '') : domain));
  return { ...host, domains: [...new Set(names)] };
}

function unknownHosts(host: JsonObject): JsonObject {
  const { name, routes } = host;
  if (!Array.isArray(routes)) return host;
  if (name === 'allow_any' && JSON.stringify(routes).includes('"PassthroughCluster"')) return blockAll;
  if (name !== 'block_all') return host;
  return { ...host, routes: routes.map((route: Json) => (isObject(route) ? withoutText(route) : route)) };
}

function withoutText(route: JsonObject): JsonObject {
  const { directResponse } = route;
  if (!isObject(directResponse)) return route;
  const { body: _text, ...rest } = directResponse;
  return { ...route, directResponse: rest };
}
