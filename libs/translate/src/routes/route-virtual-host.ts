import { VirtualHost_TlsRequirementType } from '@isthmus/proto/envoy';
import { joinParts } from '../fields.ts';
import { contentVersion } from '../resource.ts';
import { VIRTUAL_HOSTS } from '../virtual-hosts.ts';
import { WireWriter } from '../wire-writer.ts';
import type { Domains } from './domains.ts';
import type { EncodedVirtualHost } from '../virtual-hosts.ts';

// Fields of VirtualHost.
const NAME = 1;
const DOMAINS = 2;
const REQUIRE_TLS = 4;
/** include_request_attempt_count = 14, true */
const ATTEMPT_COUNT = Uint8Array.of((14 << 3) | 0, 1);

/** A virtual host that can be put into its route with less than all of its domains without encoding its routes again. */
export interface RouteVirtualHost {
  /** The RouteConfiguration that it belongs to. */
  readonly route: string;
  readonly name: string;
  readonly version: string;
  /** In lower case. */
  readonly domains: readonly string[];
  /** Those of `domains` that yield to a service of that very name. */
  readonly expanded: readonly string[];
  /** What its service is called, with and without port; empty for a host that no service has. */
  readonly known: readonly string[];
  /** Of two virtual hosts with one name, and of two with one domain, the one whose `order` is smaller has it. Unique in its route. */
  readonly order: string;
  /** All but name and domains, encoded; one array for all hosts of a unit, and for all proxies for whom it is the same. */
  readonly body: Uint8Array;
}

export interface VirtualHostInit {
  readonly route: string;
  readonly name: string;
  readonly domains: Domains;
  readonly known: readonly string[];
  readonly order: string;
  readonly body: Uint8Array;
}

export function routeVirtualHost({ domains, ...init }: VirtualHostInit): RouteVirtualHost {
  const version = virtualHostVersion(init.name, domains.all, init.body);
  return { ...init, domains: domains.all, expanded: domains.expanded, version };
}

/** With these domains only, as the route takes it. Whoever is hidden by another is never encoded. */
export function encodedHost({ route, name, body }: RouteVirtualHost, domains: readonly string[]): EncodedVirtualHost {
  return { route, name, version: virtualHostVersion(name, domains, body), parts: virtualHostParts(name, domains, body) };
}

/** Of `encodedHost`. */
export function versionWith(host: RouteVirtualHost, domains: readonly string[]): string {
  return domains.length === host.domains.length ? host.version : virtualHostVersion(host.name, domains, host.body);
}

/** The body's own hash stands for it: it is long, and the same for many. */
function virtualHostVersion(name: string, domains: readonly string[], body: Uint8Array): string {
  let version = versions.get(body);
  if (version === undefined) versions.set(body, (version = contentVersion(body)));
  return contentVersion(`${name} ${domains.join()} ${version}`);
}

const versions = new WeakMap<Uint8Array, string>();

/**
 * @param routes encoded `routes` fields
 * @param requireTls answer plain requests with a redirect to https
 */
export function virtualHostBody(routes: readonly Uint8Array[], requireTls = false): Uint8Array {
  const tls = requireTls ? [Uint8Array.of((REQUIRE_TLS << 3) | 0, VirtualHost_TlsRequirementType.ALL)] : [];
  return joinParts([...routes, ...tls, ATTEMPT_COUNT]);
}

/** The `virtual_hosts` field: what is in front of the body, and the body as it is. */
export function virtualHostParts(name: string, domains: readonly string[], body: Uint8Array): readonly Uint8Array[] {
  const start = writer.open(VIRTUAL_HOSTS);
  writer.text(NAME, name);
  for (const domain of domains) writer.text(DOMAINS, domain);
  writer.close(start, body.length);
  return [writer.take(), body];
}

const writer = new WireWriter();
