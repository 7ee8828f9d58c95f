import type { Brand } from './brand.ts';
import { IsthmusError } from './errors.ts';

/** A registry's `name` in the config: `shop`. */
export type SourceId = Brand<'SourceId'>;

/** What callers use: a lower-case DNS-1123 name such as `orders.DEFAULT-GROUP.public.nacos` (compared case-insensitively). */
export type MeshHost = Brand<'MeshHost'>;

/** A `ServiceKey` as one string: four URL-encoded parts, `shop/public/DEFAULT_GROUP/orders`. Usable as a map key. */
export type ServiceId = Brand<'ServiceId'>;

/** A `Scope` as one string: `shop/public/DEFAULT_GROUP`. */
export type ScopeId = Brand<'ScopeId'>;

/** The part of a registry that is read, and so completed, as one: deletes never cross it. */
export interface Scope {
  readonly source: SourceId;
  /** Nacos namespace, Consul datacenter, `''` for Eureka. */
  readonly namespace: string;
  /** Nacos group, `''` where the registry has none. */
  readonly group: string;
}

/** Identifies what a registry said; never what callers use (that is a `MeshHost`). */
export interface ServiceKey extends Scope {
  readonly name: string;
}

const SOURCE_ID = /^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/;
const DNS_LABEL = /^[a-z0-9_](?:[-a-z0-9_]{0,61}[a-z0-9_])?$/;

/** @throws IsthmusError `config.invalid` when the name is no lower-case DNS label. */
export function parseSourceId(text: string): SourceId {
  if (SOURCE_ID.test(text)) return text as SourceId;
  throw new IsthmusError('config.invalid', `"${text}" cannot name a registry`, {
    meaning: 'a registry name is part of ids and file names',
    remedy: 'use 1 to 63 lower-case letters, digits and dashes',
  });
}

/** The host in lower case, or undefined when it is no DNS name of at most 253 characters. */
export function parseMeshHost(text: string): MeshHost | undefined {
  const host = text.toLowerCase();
  if (host.length === 0 || host.length > 253) return undefined;
  return host.split('.').every((label) => DNS_LABEL.test(label)) ? (host as MeshHost) : undefined;
}

/**
 * The same, and a wildcard, which is what a ServiceEntry may call itself: `*.example.com`, or as Istio has it `*-eu.example.com` and
 * `*eu.example.com`. No registry has such services.
 */
export function parseDeclaredHost(text: string): MeshHost | undefined {
  if (!text.startsWith('*')) return parseMeshHost(text);
  return parseMeshHost(text.replace(/^\*[-.]?/, '')) === undefined || text.length > 253
    ? undefined
    : (text.toLowerCase() as MeshHost);
}

export function scopeId(scope: Scope): ScopeId {
  return [scope.source, scope.namespace, scope.group].map(encodeURIComponent).join('/') as ScopeId;
}

export function serviceId(key: ServiceKey): ServiceId {
  return `${scopeId(key)}/${encodeURIComponent(key.name)}` as ServiceId;
}

/** The inverse of `serviceId`; undefined when the text does not have four parts. */
export function parseServiceId(text: string): ServiceKey | undefined {
  const parts = text.split('/');
  if (parts.length !== 4) return undefined;
  try {
    const [source, namespace, group, name] = parts.map(decodeURIComponent) as [string, string, string, string];
    return { source: source as SourceId, namespace, group, name };
  } catch {
    return undefined; // a stray % is no id of ours
  }
}

export function scopeOf(key: ServiceKey): Scope {
  return { source: key.source, namespace: key.namespace, group: key.group };
}
