import { ServerTLSSettings_TLSmode } from '@isthmus/proto/istio';
import type { IstioObject, IstioSpecs } from '@isthmus/proto/istio';
import { shapeOf } from '../listeners/protocol.ts';

export type Server = IstioSpecs['Gateway']['servers'][number];

/** One server of a Gateway, on the port that its listener has. */
export interface GatewayServer {
  /** `namespace/name` of its Gateway. */
  readonly gateway: string;
  readonly spec: Server;
  /** Of the listener: the target port where a service in front of the router maps the server's. */
  readonly listenerPort: number;
  /** In lower case. */
  readonly protocol: string;
  /** `./` made the Gateway's namespace, `*` before the slash left out. */
  readonly hosts: readonly string[];
  /** RouteConfiguration of an HTTP server; empty: none. */
  readonly route: string;
}

export function serverOf(gateway: IstioObject<'Gateway'>, spec: Server, listenerPort: number): GatewayServer {
  const { namespace, name } = gateway;
  const protocol = (spec.port?.protocol ?? '').toLowerCase();
  return {
    gateway: `${namespace}/${name}`,
    spec,
    listenerPort,
    protocol,
    hosts: hostsOf(spec.hosts, namespace),
    route: routeName(gateway, spec, protocol, listenerPort),
  };
}

function hostsOf(hosts: readonly string[], namespace: string): readonly string[] {
  // As istiod: any namespace and any host is the one host `*`, whatever else is listed before it.
  const plain = hosts.map((host) => {
    const [owner, name] = host.includes('/') ? (host.split('/') as [string, string]) : [undefined, host];
    return owner === undefined || owner === '*' ? name : `${owner === '.' ? namespace : owner}/${name}`;
  });
  return hosts.includes('*/*') ? ['*'] : plain;
}

/** `http.8080` for all plain servers of a port, `https.443.https.web.shop` for each that terminates TLS. */
function routeName({ name, namespace }: IstioObject<'Gateway'>, spec: Server, protocol: string, port: number): string {
  const bind = spec.bind === '' ? '' : `.${spec.bind}`;
  if (isHttp(protocol)) return `http.${port}${bind}`;
  if (protocol !== 'https' || passesThrough(spec)) return '';
  return `https.${spec.port?.number}.${spec.port?.name}.${name}.${namespace}${bind}`;
}

export function isHttp(protocol: string): boolean {
  return shapeOf(protocol) === 'http';
}

/** HTTP, in clear text or after TLS was terminated here. */
export function speaksHttp({ protocol, spec }: GatewayServer): boolean {
  return isHttp(protocol) || (protocol === 'https' && !passesThrough(spec));
}

/** With TLS that is more than a redirect of plain HTTP to it. */
export function isTlsServer({ protocol, spec }: GatewayServer): boolean {
  return spec.tls !== undefined && !isHttp(protocol);
}

export function passesThrough({ tls }: Pick<Server, 'tls'>): boolean {
  const { PASSTHROUGH, AUTO_PASSTHROUGH } = ServerTLSSettings_TLSmode;
  return tls !== undefined && (tls.mode === PASSTHROUGH || tls.mode === AUTO_PASSTHROUGH);
}

/** Names by which TLS clients ask for the server. */
export function serverNamesOf({ hosts }: GatewayServer): readonly string[] {
  return [...new Set(hosts.map((host) => host.slice(host.indexOf('/') + 1)))].sort();
}
