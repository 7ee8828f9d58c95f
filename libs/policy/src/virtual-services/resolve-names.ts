import { isIP } from 'node:net';
import { clone } from '@bufbuild/protobuf';
import { VirtualServiceSchema } from '@isthmus/proto/istio';
import type { Destination, IstioObject } from '@isthmus/proto/istio';

/** A copy whose hosts are in lower case and whose short names are made long: `orders` in namespace `shop` is `orders.shop.svc.<domain>`. */
export function resolveNames(rule: IstioObject<'VirtualService'>, domain: string): IstioObject<'VirtualService'> {
  const spec = clone(VirtualServiceSchema, rule.spec);
  const host = (name: string): string => longHost(name, rule.namespace, domain);
  const gateways = (names: readonly string[]): string[] => names.map((name) => gatewayKey(name, rule.namespace));
  const point = (destination: Destination | undefined): void => {
    if (destination !== undefined) destination.host = host(destination.host);
  };
  spec.hosts = spec.hosts.map(host);
  spec.gateways = gateways(spec.gateways);
  for (const route of spec.http) {
    point(route.mirror);
    for (const { destination } of [...route.route, ...route.mirrors]) point(destination);
  }
  for (const route of [...spec.tcp, ...spec.tls]) for (const { destination } of route.route) point(destination);
  for (const match of [...spec.http, ...spec.tcp, ...spec.tls].flatMap((route) => [...route.match])) {
    match.gateways = gateways(match.gateways);
  }
  return { ...rule, spec };
}

function longHost(host: string, namespace: string, domain: string): string {
  const name = host.toLowerCase();
  if (name === '' || name === '*' || name.includes('.') || isIP(name) !== 0) return name;
  return `${name}.${namespace}.svc.${domain}`;
}

/** `mesh`, or `namespace/name`: what Istio takes for the latter are also `name`, `./name`, and `name.namespace.svc…`. */
function gatewayKey(name: string, namespace: string): string {
  if (name === 'mesh') return name;
  if (name.startsWith('./')) return `${namespace}/${name.slice(2)}`;
  if (name.includes('/')) return name;
  const [short = '', owner] = name.split('.');
  return `${owner ?? namespace}/${short}`;
}
