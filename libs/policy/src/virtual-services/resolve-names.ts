import { isIP } from 'node:net';
import type { Destination, IstioObject } from '@isthmus/proto/istio';

type Rule = IstioObject<'VirtualService'>;

/**
 * The rule with its hosts in lower case and its short names made long: `orders` in namespace `shop` is `orders.shop.svc.<domain>`. What
 * is so already is the rule's own, not copied: copies of ten thousand rules are 23 MB.
 */
export function resolveNames(rule: Rule, domain: string): Rule {
  const { spec } = rule;
  const host = (name: string): string => longHost(name, rule.namespace, domain);
  const gateway = (name: string): string => gatewayKey(name, rule.namespace);
  const point = <D extends Destination | undefined>(to: D): D =>
    to === undefined ? to : withFields(to, { host: host(to.host) });
  const sent = <R extends { readonly destination?: Destination | undefined }>(route: R): R =>
    withFields(route, { destination: point(route.destination) });
  const matched = <M extends { gateways: string[] }>(match: M): M =>
    withFields(match, { gateways: each(match.gateways, gateway) });
  const resolved = withFields(spec, {
    hosts: each(spec.hosts, host),
    gateways: each(spec.gateways, gateway),
    http: each(spec.http, (http) =>
      withFields(http, {
        mirror: point(http.mirror),
        route: each(http.route, sent),
        mirrors: each(http.mirrors, sent),
        match: each(http.match, matched),
      }),
    ),
    tcp: each(spec.tcp, (tcp) => withFields(tcp, { route: each(tcp.route, sent), match: each(tcp.match, matched) })),
    tls: each(spec.tls, (tls) => withFields(tls, { route: each(tls.route, sent), match: each(tls.match, matched) })),
  });
  return resolved === spec ? rule : { ...rule, spec: resolved };
}

/** The list itself where nothing of it is another. */
function each<T>(list: T[], made: (one: T) => T): T[] {
  const all = list.map(made);
  return all.every((one, n) => one === list[n]) ? list : all;
}

/** A copy that has these, or the message itself where it has them. */
function withFields<M extends object, F extends keyof M>(message: M, fields: { readonly [K in F]: M[K] | undefined }): M {
  for (const name in fields)
    if (message[name] !== fields[name])
      return Object.assign(Object.create(Object.getPrototypeOf(message) as object) as M, message, fields);
  return message;
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
