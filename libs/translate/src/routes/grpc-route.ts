import { hostMatches, isWildcardHost } from '@isthmus/model';
import type { MeshHost, Resource } from '@isthmus/model';
import type { ProxyScope } from '../scope.ts';
import { withPort } from './domains.ts';
import { assembleRoute } from './route-assembly.ts';
import { virtualHostsOfRule } from './rule-hosts.ts';
import { virtualHostsOfService } from './service-hosts.ts';
import { egressFor } from './sidecar-route.ts';
import type { SidecarRoute } from './sidecar-route.ts';

/**
 * The route of one target of a proxyless gRPC client, `outbound|80||orders.shop.svc.cluster.local`: the virtual hosts that its host
 * finds, as istiod since 1.31 has it (before, every service's). It depends on the rules that name the host, with or without wildcard,
 * and on what those depend on. Undefined: no such name.
 */
export function grpcRouteResource(scope: ProxyScope, name: string): Resource | undefined {
  const target = /^outbound\|([1-9]\d{0,4})\|[^|]*\|([^|]+)$/.exec(name);
  const port = Number(target?.[1]);
  const host = target?.[2]?.toLowerCase();
  const egress = egressFor(scope, port, name);
  if (host === undefined || egress === undefined) return undefined;
  const route: SidecarRoute = { name, egress, style: { kind: 'port', port }, withPorts: true };
  const service = egress.service(host as MeshHost);
  const rules = egress.virtualServices().filter((rule) => rule.spec.hosts.some((each) => hostMatches(each, host)));
  const hosts = [
    ...rules.flatMap((rule) => virtualHostsOfRule(scope, route, rule)),
    ...(service === undefined ? [] : virtualHostsOfService(scope, route, service)),
  ].filter(({ domains }) => domains.some((domain) => finds(domain, host, port)));
  return assembleRoute(name, hosts, new Uint8Array());
}

function finds(domain: string, host: string, port: number): boolean {
  if (domain === host || domain === withPort(host, port)) return true;
  if (!isWildcardHost(domain)) return false;
  const colon = domain.lastIndexOf(':');
  if (colon >= 0 && domain.slice(colon + 1) !== String(port)) return false;
  return hostMatches(colon < 0 ? domain : domain.slice(0, colon), host);
}
