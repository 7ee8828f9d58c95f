import type { MeshService, ServicePort } from '@isthmus/model';
import { isHttpLike } from '@isthmus/model';
import { EGRESS_ROUTE } from '../names.ts';
import type { EgressScope, ProxyScope } from '../scope.ts';
import type { RouteContext } from './route-context.ts';

/** One RouteConfiguration of a sidecar or of a gRPC client, and where its virtual hosts come from. */
export interface SidecarRoute {
  readonly name: string;
  readonly egress: EgressScope;
  /**
   * `port`: what services have on this port; by Host, whatever port it names.
   * `proxy`: callers name service and port (`http_proxy`, a Sidecar's egress of protocol HTTP_PROXY, a Unix socket).
   */
  readonly style: { readonly kind: 'port'; readonly port: number } | { readonly kind: 'proxy' };
  /** Domains carry ports too: gRPC clients compare them. Envoy does not, but istiod has them in explicit routes of Sidecars. */
  readonly withPorts: boolean;
}

/** The route of this name; undefined where no listener can ask for it: `80`, `http_proxy`, `unix://…`. */
export function sidecarRoute(scope: ProxyScope, name: string): SidecarRoute | undefined {
  if (/^[1-9]\d{0,4}$/.test(name)) {
    const port = Number(name);
    const egress = egressFor(scope, port, name);
    if (egress === undefined) return undefined;
    const explicit = egress.port?.protocol.toUpperCase() === 'HTTP_PROXY';
    return explicit
      ? { name, egress, style: { kind: 'proxy' }, withPorts: true }
      : { name, egress, style: { kind: 'port', port }, withPorts: false };
  }
  if (name !== EGRESS_ROUTE && !name.startsWith('unix://')) return undefined;
  // Its listener is there whatever the Sidecar says, and waits for a route; only a Sidecar's own door has a listener with it.
  const egress = egressFor(scope, 0, name) ?? (name === EGRESS_ROUTE ? NOWHERE : undefined);
  return egress && { name, egress, style: { kind: 'proxy' }, withPorts: name !== EGRESS_ROUTE };
}

/** What a Sidecar whose listeners all have ports lets through the explicit egress: nothing. */
const NOWHERE: EgressScope = {
  port: undefined,
  bind: '',
  captureMode: 'default',
  services: () => [],
  servicesOfNow: () => [],
  servicesOn: () => [],
  sharedOn: () => [],
  servicesAt: () => [],
  service: () => undefined,
  virtualServices: () => [],
};

/** The first whose port it is, or the first that has none. */
export function egressFor(scope: ProxyScope, port: number, bind: string): EgressScope | undefined {
  return scope.egress.find((egress) => {
    if (egress.port === undefined) return true;
    return egress.port.number === port && (port !== 0 || egress.bind === bind);
  });
}

/** What the routes of a rule depend on here. */
export function routeContext(scope: ProxyScope, route: SidecarRoute, port: number): RouteContext {
  return {
    proxy: scope.proxy,
    port,
    gateway: 'mesh',
    tls: false,
    // On a port's route a service is its port only, so that a destination without one stays on the port.
    service: (host) => (route.style.kind === 'proxy' ? serviceIn(route, host) : undefined),
    destinationRule: (host) => scope.destinationRule(host as MeshService['host']),
    retries: scope.mesh.retries,
  };
}

export function serviceIn(route: SidecarRoute, host: string): MeshService | undefined {
  return route.egress.service(host as MeshService['host']);
}

/** The ports of a service that this route has virtual hosts for, in the order of their numbers. */
export function httpPortsIn({ style }: SidecarRoute, service: MeshService): readonly ServicePort[] {
  return service.ports.filter(
    ({ number, protocol }) => isHttpLike(protocol) && (style.kind === 'proxy' || number === style.port),
  );
}

/** Whether the service is in the route at all: on a port's route any protocol makes the host a service's. */
export function isIn({ style }: SidecarRoute, service: MeshService): boolean {
  return style.kind === 'proxy' || service.ports.some(({ number }) => number === style.port);
}
