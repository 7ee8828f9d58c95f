import { HTTPFaultSchema, HttpConnectionManagerSchema, RouterSchema } from '@isthmus/proto/envoy';
import { serviceAddresses } from '@isthmus/model';
import type { MeshHost, MeshService, Resource } from '@isthmus/model';
import type { ProxyScope } from '../scope.ts';
import { listenerResource } from './listener.ts';
import { packed, socketAddress, typed } from './typed.ts';
import type { Typed } from './typed.ts';

/** How gRPC servers ask for their own listener: this and `address:port`. */
const SERVER = 'xds.istio.io/grpc/lds/inbound/';

const ROUTER = typed('envoy.filters.http.router', RouterSchema);
/** All that gRPC understands of what Istio's routes ask for. The router must be the last. */
const FILTERS: readonly Typed[] = [typed('envoy.filters.http.fault', HTTPFaultSchema), ROUTER];

/**
 * The listener of a proxyless gRPC client for `orders.shop.svc.cluster.local:80`, or of a server; undefined: no such service
 * or port. It depends on the service's ports and address, and for a server on what the proxy is an instance of.
 */
export function grpcListener(scope: ProxyScope, name: string): Resource | undefined {
  if (name.startsWith(SERVER)) return serverListener(scope, name);
  const at = hostAndPort(name);
  const service = at && serviceNamed(scope, at.host);
  if (at === undefined || service === undefined || !service.ports.some(({ number }) => number === at.port)) return undefined;
  const manager = packed(HttpConnectionManagerSchema, {
    httpFilters: [...FILTERS],
    routeSpecifier: {
      case: 'rds',
      value: {
        routeConfigName: `outbound|${at.port}||${service.host}`,
        configSource: { configSourceSpecifier: { case: 'ads', value: {} } },
      },
    },
  });
  return listenerResource({
    name,
    address: socketAddress(serviceAddresses(service)[0] ?? '', at.port),
    apiListener: { apiListener: manager },
  });
}

/** Short names are of the client's own namespace: `orders` and `orders.shop` may stand for the whole name. */
function serviceNamed(scope: ProxyScope, host: string): MeshService | undefined {
  const { namespace, dnsDomain } = scope.proxy;
  const known = scope.service(host as MeshHost);
  if (known !== undefined) return known;
  if (!host.includes('.')) return scope.service(`${host}.${dnsDomain}` as MeshHost);
  for (const suffix of [namespace, `${namespace}.svc`]) {
    if (!host.endsWith(`.${suffix}`) || !dnsDomain.startsWith(suffix)) continue;
    return scope.service(`${host.slice(0, -suffix.length - 1)}.${dnsDomain}` as MeshHost);
  }
  return undefined;
}

/** In clear text, one route for everything: gRPC servers look at nothing else before there are certificates and policies. */
function serverListener(scope: ProxyScope, name: string): Resource | undefined {
  const at = hostAndPort(name.slice(SERVER.length));
  if (at === undefined || !scope.own.some(({ targetPort }) => targetPort === at.port)) return undefined;
  const manager = typed('inbound-hcmplaintext', HttpConnectionManagerSchema, {
    httpFilters: [ROUTER],
    routeSpecifier: {
      case: 'routeConfig',
      value: {
        name: 'inbound',
        virtualHosts: [
          {
            domains: ['*'],
            routes: [
              { match: { pathSpecifier: { case: 'prefix', value: '/' } }, action: { case: 'nonForwardingAction', value: {} } },
            ],
          },
        ],
      },
    },
  });
  return listenerResource({
    name,
    address: socketAddress(at.host, at.port),
    filterChains: [{ name: 'inbound-plaintext', filters: [manager] }],
  });
}

/** `orders.shop:80`, `[::1]:80` */
function hostAndPort(text: string): { readonly host: string; readonly port: number } | undefined {
  const [, v6, name, port] = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text) ?? [];
  const host = v6 ?? name;
  return host === undefined || port === undefined ? undefined : { host: host.toLowerCase(), port: Number(port) };
}
