import { ANYWHERE, hostMatches } from '@isthmus/model';
import type { MeshService } from '@isthmus/model';
import type { IstioObject, IstioSpecs } from '@isthmus/proto/istio';
import type { Proxy } from '../proxy.ts';
import type { ProxyScope } from '../scope.ts';
import type { Chain } from './chain.ts';
import { routedConnection, serviceConnection } from './connection-filters.ts';
import type { ConnectionPort } from './connection-filters.ts';

type VirtualService = IstioObject<'VirtualService'>;
type ConnectionMatch = IstioSpecs['VirtualService']['tcp'][number]['match'][number];

/** One service behind one port of one listener. */
export interface ServedAt {
  readonly scope: ProxyScope;
  readonly service: MeshService;
  readonly port: ConnectionPort;
  /** Address that the listener binds. */
  readonly bind: string;
  /** The service's own address; `0.0.0.0` where it has none. */
  readonly address: string;
  /** Set where the service's address is a range, which no listener can bind. */
  readonly destinations: readonly string[];
  /** Bound to the mesh; in order of precedence. */
  readonly rules: readonly VirtualService[];
}

/** Chains of a port that is not HTTP: by what VirtualServices say of connections, else straight to the service. */
export function connectionChains(at: ServedAt): readonly Chain[] {
  const rules = connectionRules(at.rules).filter(({ spec }) => spec.hosts.some((host) => hostMatches(host, at.service.host)));
  return isTls(at.port.protocol) ? tlsChains(at, rules) : tcpChains(at, rules);
}

function isTls(protocol: string): boolean {
  return protocol === 'https' || protocol === 'tls';
}

/** Remembered with the list, which is the same as long as nothing in it changed: most rules are about requests only. */
const remembered = new WeakMap<readonly VirtualService[], readonly VirtualService[]>();

function connectionRules(rules: readonly VirtualService[]): readonly VirtualService[] {
  let found = remembered.get(rules);
  if (found === undefined) {
    found = rules.filter(({ spec }) => spec.tcp.length > 0 || spec.tls.length > 0);
    remembered.set(rules, found);
  }
  return found;
}

function tlsChains(at: ServedAt, rules: readonly VirtualService[]): readonly Chain[] {
  const { scope, port } = at;
  const chains: Chain[] = [];
  const seen = new Set<string>();
  let destinations = at.destinations;
  for (const rule of rules) {
    for (const { match: matches, route } of rule.spec.tls) {
      if (route.length === 0) continue;
      for (const match of matches) {
        if (!appliesTo(match, scope.proxy, port.number)) continue;
        // As istiod does it: a range that one match names is that of those after it, too.
        if (match.destinationSubnets.length > 0) destinations = match.destinationSubnets;
        const key = `${match.sniHosts.join()}|${match.destinationSubnets.join()}`;
        if (!seen.has(key)) {
          const filters = routedConnection(scope, route, port, `${rule.name}.${rule.namespace}`);
          chains.push({ serverNames: match.sniHosts, destinations, filters });
        }
        seen.add(key);
      }
    }
  }
  return chains.length > 0 ? chains : [toService({ ...at, destinations }, namesOf({ ...at, destinations }))];
}

/** Where services share an address, or have none, the name that the client asks for tells them apart; of a wildcard it says who is meant. */
function namesOf({ service, bind, address, destinations }: ServedAt): readonly string[] {
  const isRange = address.includes('/');
  const isNowhere = (text: string): boolean => text === ANYWHERE || text === '::';
  const isShared = destinations.length > 0 || isRange || (isNowhere(address) && isNowhere(bind));
  return isShared || service.resolution === 'dynamic-dns' ? [service.host] : [];
}

function tcpChains(at: ServedAt, rules: readonly VirtualService[]): readonly Chain[] {
  const { scope, port } = at;
  const chains: Chain[] = [];
  for (const rule of rules) {
    for (const { match: matches, route } of rule.spec.tcp) {
      if (route.length === 0) continue;
      const filters = () => routedConnection(scope, route, port, `${rule.name}.${rule.namespace}`);
      const applying = matches.filter((match) => appliesTo(match, scope.proxy, port.number));
      // A match that names no range takes all that is left.
      if (matches.length === 0 || applying.some(({ destinationSubnets }) => destinationSubnets.length === 0)) {
        return [...chains, { destinations: at.destinations, filters: filters() }];
      }
      const destinations = applying.flatMap(({ destinationSubnets }) => destinationSubnets);
      if (destinations.length === 0) continue;
      chains.push({ destinations, filters: filters() });
      if (sameText(destinations, at.destinations)) return chains;
    }
  }
  return [...chains, toService(at, [])];
}

function toService(at: ServedAt, serverNames: readonly string[]): Chain {
  const { scope, service, port, destinations } = at;
  // A Sidecar's listener may have another port than the service; with several ports nobody can say which is meant.
  const servicePort = service.ports.length === 1 && service.ports[0] ? service.ports[0].number : port.number;
  return { serverNames, destinations, filters: serviceConnection(scope, service, port, servicePort) };
}

/** What of a match can be decided here: who calls, through what, on which port. */
function appliesTo(
  {
    gateways,
    sourceLabels,
    port,
    sourceNamespace,
  }: Pick<ConnectionMatch, 'gateways' | 'sourceLabels' | 'port' | 'sourceNamespace'>,
  proxy: Proxy,
  listenerPort: number,
): boolean {
  return (
    (gateways.length === 0 || gateways.includes('mesh')) &&
    Object.entries(sourceLabels).every(([name, value]) => proxy.labels[name] === value) &&
    (port === 0 || port === listenerPort) &&
    (sourceNamespace === '' || sourceNamespace === proxy.namespace)
  );
}

function sameText(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.toSorted().join() === b.toSorted().join();
}
