import { isIP, isIPv6 } from 'node:net';
import type { MeshService } from '@isthmus/model';

export interface Domains {
  readonly all: readonly string[];
  /** Those of `all` that were made from the host: they yield to a service that has that very name. */
  readonly expanded: readonly string[];
}

/**
 * What callers may write in Host for a service: its name, with a trailing dot, shorter forms where caller and service share a DNS
 * domain, and its addresses.
 * @param dnsDomain of the caller, `shop.svc.cluster.local`
 * @param port appended in a second form of each, for clients that compare it; undefined: the route ignores ports
 */
export function serviceDomains(service: MeshService, dnsDomain: string, port: number | undefined): Domains {
  const expanded = [
    ...(isIP(service.host) === 0 ? [`${service.host}.`] : []),
    ...(port === undefined ? [] : [withPort(`${service.host}.`, port)]),
    ...shortForms(service.host, dnsDomain).flatMap((host) => forms(host, port)),
  ];
  const addresses = serviceAddresses(service).flatMap((address) => forms(address, port));
  return { all: [...forms(service.host, port), ...expanded, ...addresses], expanded };
}

/** A host of a rule that no service has. */
export function hostDomains(host: string, port: number | undefined): Domains {
  return { all: forms(host, port), expanded: [] };
}

/** `host:80`, `[fd00::1]:80` */
export function withPort(host: string, port: number): string {
  return `${bracketed(host)}:${port}`;
}

function forms(host: string, port: number | undefined): readonly string[] {
  return port === undefined ? [bracketed(host)] : [bracketed(host), withPort(host, port)];
}

function bracketed(host: string): string {
  return host.includes(':') || isIPv6(host) ? `[${host}]` : host;
}

/** Of a ServiceEntry with several addresses istiod keeps the last. */
function serviceAddresses(service: MeshService): readonly string[] {
  const declared = service.declared?.addresses.at(-1)?.toLowerCase();
  const address = declared ?? service.vip;
  return address === undefined || address === '0.0.0.0'
    ? []
    : [address.replace(isIPv6(address.split('/')[0] ?? '') ? /\/128$/ : /\/32$/, '')];
}

/** `orders.shop.svc.cluster.local` as `orders`, `orders.shop.svc`, `orders.shop` from within `shop`; nothing where they share no domain. */
function shortForms(host: string, dnsDomain: string): readonly string[] {
  if (dnsDomain.includes('.svc.'))
    return host.endsWith(dnsDomain.slice(dnsDomain.indexOf('.svc.'))) ? kubernetesForms(host, dnsDomain) : [];
  const own = host.split('.');
  const shared: string[] = [];
  for (const label of dnsDomain.split('.').reverse()) {
    if (own.length === 0 || own.at(-1) !== label) break;
    shared.unshift(label);
    own.pop();
  }
  if (shared[0] === undefined || own.length === 0) return [];
  const unique = own.join('.');
  // Two labels: it has its namespace in it already.
  return own.length === 2 ? [unique, `${unique}.${shared[0]}`] : [unique];
}

function kubernetesForms(host: string, dnsDomain: string): readonly string[] {
  const end = host.indexOf('.svc.');
  const dot = host.indexOf('.');
  if (end <= 0 || dot + 1 > end) return [];
  const short = host.slice(0, end);
  const sameNamespace = host.slice(dot + 1, end) === dnsDomain.slice(0, dnsDomain.indexOf('.svc.'));
  return sameNamespace ? [host.slice(0, dot), `${short}.svc`, short] : [short, `${short}.svc`];
}
