import type { Diagnostic } from './diagnostic.ts';
import type { Scope, ServiceId, ServiceKey } from './ids.ts';
import type { ServiceRecord } from './service.ts';

/**
 * Gone, empty, partial and unreachable are four different things (architecture, rule 1).
 * `syncing`: never completely read. `live`: what we have is what the registry has. `partial`: some of it could
 * not be read. `stale`: the registry cannot be reached, or restarted and is not trusted yet.
 */
export type SourceStatus =
  | { readonly state: 'syncing' }
  | { readonly state: 'live' }
  | { readonly state: 'partial'; readonly cause: string }
  /** `backSince`: followed again since then, ms, but it may not list every instance yet; those are kept. */
  | { readonly state: 'stale'; readonly since: number; readonly cause: string; readonly backSince?: number };

export type SourceEvent =
  /** A COMPLETE, successful read of the scope: services that are not in it are gone. */
  | { readonly kind: 'snapshot'; readonly scope: Scope; readonly services: ReadonlyMap<ServiceId, ServiceRecord> }
  | { readonly kind: 'upsert'; readonly service: ServiceRecord }
  /** The registry said so: never inferred from an error. */
  | { readonly kind: 'remove'; readonly key: ServiceKey }
  | { readonly kind: 'status'; readonly scope: Scope; readonly status: SourceStatus }
  /** Something about the scope itself is wrong (an answer that is no JSON, too large, …); replaces the scope's earlier ones. */
  | { readonly kind: 'diagnostics'; readonly scope: Scope; readonly diagnostics: readonly Diagnostic[] };
