import type { Diagnostic, ServicePort } from '@isthmus/model';
import type { EndpointView, SourceState } from './catalog-views.ts';
import type { PublicationView } from './publication-views.ts';

/** `GET /api/v1/explain?q=HOST|IP[:PORT]` */
export interface ExplainAnswer {
  readonly query: string;
  /** Empty when nothing is known of the query. */
  readonly matches: readonly ExplainedHost[];
}

export interface ExplainedHost {
  readonly host: string;
  /** What the registries say, one per service that maps to the host. */
  readonly origins: readonly ExplainedOrigin[];
  readonly merge: {
    /** Which rule gave the host: "default host of shop" or "merge.hosts[0]". */
    readonly rule: string;
    readonly ports: readonly ServicePort[];
    readonly vip?: string;
    readonly namespace?: string;
    /** Namespaces that may see it, where not all do. */
    readonly exportTo?: readonly string[];
    /** What the other rules of the host did: "merge.namespaces[0]: namespace shop". */
    readonly rules?: readonly string[];
  };
  readonly outputs: {
    readonly xds: readonly PublishedResource[];
    /** One ServiceEntry per port. */
    readonly mcp: readonly PublishedResource[];
  };
  /** Where it is published back, or shall be. */
  readonly published?: readonly PublicationView[];
  /** Instances that get no traffic, and why. */
  readonly leftOut: readonly LeftOut[];
}

export interface ExplainedOrigin {
  /** Service id, `shop/public/DEFAULT_GROUP/orders`. */
  readonly service: string;
  readonly source: string;
  readonly kind: string;
  /** Set where the source is another bridge: the services that it has it from. */
  readonly via?: readonly string[];
  readonly state: SourceState;
  /** Milliseconds since the epoch at which the source became stale. */
  readonly since?: number;
  readonly cause?: string;
  /** Milliseconds since the registry last said anything about this service's scope. */
  readonly ageMs?: number;
  /** Milliseconds since what the registry says of this service changed. */
  readonly changedMs?: number;
  /** The host that the registry's users expect, where a rule gave another. */
  readonly defaultHost?: string;
  /** What the rules did to its endpoints: "merge.weights[0]: weight × 0.5 (2 endpoints)". */
  readonly rules?: readonly string[];
  /** As published: after the rules. */
  readonly endpoints: readonly EndpointView[];
  readonly diagnostics: readonly Diagnostic[];
}

export interface PublishedResource {
  /** Type URL, or the MCP collection. */
  readonly type: string;
  readonly name: string;
  readonly version: string;
}

export interface LeftOut {
  /** As the registry gave it: may be no address at all. */
  readonly address: string;
  readonly port: number;
  /** Service id. */
  readonly service: string;
  /** "unhealthy at the registry", "weight 0", "address is neither an IP nor a DNS name". */
  readonly reason: string;
}
