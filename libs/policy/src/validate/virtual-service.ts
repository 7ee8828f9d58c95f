import type { IstioObject, VirtualService } from '@isthmus/proto/istio';
import { checkWeighted } from './destination.ts';
import { isClaim } from './headers.ts';
import { checkHttpRoute } from './http-route.ts';
import { checkGatewayNames } from './matches.ts';
import {
  HOST_REMEDY,
  checkLabels,
  checkPort,
  checkSubnet,
  hostsOverlap,
  isAddress,
  isSubsetOf,
  wildcardHostProblem,
} from './names.ts';
import { checkExportTo } from './selectors.ts';
import type { Spot } from './spot.ts';
import { checkUnreachable } from './unreachable.ts';

export function checkVirtualService({ namespace, spec }: IstioObject<'VirtualService'>, at: Spot): void {
  const isDelegate = spec.hosts.length === 0;
  if (isDelegate)
    for (const field of ['gateways', 'tls', 'tcp'] as const)
      if (spec[field].length > 0)
        at.at(field).error(
          'is in a VirtualService without hosts, which is a delegate and has http routes only',
          'add hosts, or take it out',
        );
  checkGatewayNames(spec.gateways, at.at('gateways'));
  if (!forGateways(spec)) checkClaims(spec, at);
  checkHosts(spec, at.at('hosts'));
  if (spec.http.length + spec.tcp.length + spec.tls.length === 0) at.error('has no http, tcp or tls routes', 'add one of them');

  for (const [i, route] of spec.http.entries()) checkHttpRoute(route, isDelegate, at.at('http', i));
  for (const [i, route] of spec.tls.entries()) checkTlsRoute(route, spec, at.at('tls', i));
  for (const [i, route] of spec.tcp.entries()) checkTcpRoute(route, at.at('tcp', i));
  checkExportTo(namespace, spec.exportTo, { allowsNone: false, staysHome: false }, at.at('exportTo'));
  checkUnreachable(spec, at);
}

/** Not for the mesh. */
function forGateways({ gateways }: VirtualService): boolean {
  return gateways.length > 0 && !gateways.includes('mesh');
}

function checkClaims({ http }: VirtualService, at: Spot): void {
  for (const [i, { match }] of http.entries())
    for (const [j, one] of match.entries())
      for (const field of ['headers', 'withoutHeaders'] as const)
        for (const name of Object.keys(one[field]).filter(isClaim))
          at.at('http', i, 'match', j, field, name).error(
            'routes by a claim of a token, which only gateways can',
            'bind the VirtualService to a gateway',
          );
}

function checkHosts(spec: VirtualService, at: Spot): void {
  const { hosts, tls } = spec;
  const bySni = tls.some(({ match }) => match.some(({ sniHosts }) => sniHosts.length > 0));
  let allValid = true;
  for (const [i, host] of hosts.entries()) {
    const problem = forGateways(spec) && bySni ? sniHostProblem(host) : wildcardHostProblem(host);
    if (problem !== undefined && !isAddress(host)) {
      at.at(i).error(`is ${JSON.stringify(host)}, which ${problem}`, HOST_REMEDY);
      allValid = false;
    } else if (problem === undefined && host === '*' && !forGateways(spec)) {
      at.at(i).error('is "*", which only gateways can have', 'name a host, or bind the VirtualService to a gateway');
      allValid = false;
    }
  }
  if (!allValid) return;
  for (const [i, host] of hosts.entries()) {
    const first = hosts.slice(0, i).find((other) => hostsOverlap(host, other));
    if (first !== undefined)
      at.at(i).error(`is ${JSON.stringify(host)}, which ${JSON.stringify(first)} covers or is covered by`, 'keep one of the two');
  }
}

/** Names that Istio makes for SNI routing between meshes: `outbound_.80_._.orders.shop.svc.cluster.local`. */
function sniHostProblem(host: string): string | undefined {
  if (!host.startsWith('outbound_') || host.length > 255) return wildcardHostProblem(host);
  const [, port = '', , name = '', ...rest] = host.split('_');
  const isWhole = rest.length >= 0 && host.split('_').length >= 4;
  return isWhole && /\d/.test(port) && /[a-zA-Z]/.test(name) ? undefined : 'is not outbound_.PORT_._.HOST';
}

function checkTlsRoute(route: VirtualService['tls'][number], spec: VirtualService, at: Spot): void {
  if (route.match.length === 0) at.error('has no match', 'add `match: [{ sniHosts: [...] }]`');
  for (const [i, match] of route.match.entries()) {
    const here = at.at('match', i);
    if (match.sniHosts.length === 0) here.error('has no sniHosts', 'add `sniHosts: [...]`');
    for (const [j, host] of match.sniHosts.entries()) checkSniHost(host, spec, here.at('sniHosts', j));
    checkL4Match(match, here);
  }
  checkL4Routes(route.route, at);
}

function checkSniHost(host: string, spec: VirtualService, at: Spot): void {
  // Istio asks this time whether `mesh` is among the gateways, and takes none for gateways too.
  const problem = spec.gateways.includes('mesh') ? wildcardHostProblem(host) : sniHostProblem(host);
  if (problem !== undefined) {
    if (isAddress(host)) at.warn(`is ${JSON.stringify(host)}, and clients send no addresses as SNI`, 'name a host');
    else at.error(`is ${JSON.stringify(host)}, which ${problem}`, HOST_REMEDY);
  } else if (!spec.hosts.some((wide) => isSubsetOf(host, wide)))
    at.error(`is ${JSON.stringify(host)}, which none of the hosts covers`, 'add it to the hosts');
}

function checkTcpRoute(route: VirtualService['tcp'][number], at: Spot): void {
  for (const [i, match] of route.match.entries()) checkL4Match(match, at.at('match', i));
  checkL4Routes(route.route, at);
}

interface L4Match {
  readonly destinationSubnets: readonly string[];
  readonly port: number;
  readonly sourceLabels: Readonly<Record<string, string>>;
  readonly gateways: readonly string[];
}

function checkL4Match(match: L4Match, at: Spot): void {
  for (const [i, subnet] of match.destinationSubnets.entries()) checkSubnet(subnet, at.at('destinationSubnets', i));
  if (match.port !== 0) checkPort(match.port, at.at('port'));
  checkLabels(match.sourceLabels, at.at('sourceLabels'));
  checkGatewayNames(match.gateways, at.at('gateways'));
}

function checkL4Routes(routes: VirtualService['tcp'][number]['route'], at: Spot): void {
  if (routes.length === 0) at.error('has no route', 'add `route: [{ destination: { host: ... } }]`');
  checkWeighted(routes, at.at('route'));
}
