import type { Rung } from '@isthmus/ladder';
import type { Diagnostic, ServicePort } from '@isthmus/model';
import type { EndpointView, SourceState } from './catalog-views.ts';
import type { PlanAuditView, PlanView } from './plan-views.ts';
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
  /** Istio's rules in force that concern the host; absent where there are none. */
  readonly trafficRules?: ExplainedRules;
  /** Migration plans that have the host for their target; absent where there are none. */
  readonly plans?: readonly ExplainedPlan[];
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

export interface ExplainedRules {
  /** Those that name the host or send to it, delegates merged. */
  readonly virtualServices: readonly ExplainedVirtualService[];
  /** Those that calls of the host go by. */
  readonly destinationRules: readonly ExplainedDestinationRule[];
  /** Sidecars whose workloads do not see the host, unless a rule sends them there. */
  readonly hiddenBy: readonly ExplainedSidecar[];
  /** What is wrong with these rules, and what of them cannot be done. */
  readonly diagnostics: readonly Diagnostic[];
}

export interface ExplainedVirtualService {
  /** `shop/orders` */
  readonly name: string;
  /** `file:line:column`, or where it is in Kubernetes. */
  readonly place: string;
  readonly namesHost: boolean;
  readonly sendsTo: boolean;
  /** `mesh`, `namespace/name` */
  readonly gateways: readonly string[];
  /** `namespace/name` of the VirtualServices whose routes are in it. */
  readonly delegates: readonly string[];
}

export interface ExplainedDestinationRule {
  readonly name: string;
  /** Of all that were merged into it: `a.yaml:1:1 + b.yaml:1:1`. */
  readonly place: string;
  /** Namespaces whose callers go by it; `*`: all that have no rule of their own. */
  readonly callers: readonly string[];
  /** Only callers with these labels. */
  readonly selector?: Readonly<Record<string, string>>;
  readonly subsets: readonly string[];
}

export interface ExplainedSidecar {
  readonly name: string;
  readonly place: string;
  /** Only workloads with these labels; absent: all of its namespace without a Sidecar that names them. */
  readonly selector?: Readonly<Record<string, string>>;
}

/** A plan of the host: what its consumers shall do (`rung`, `percent`), and what they do. */
export interface ExplainedPlan extends PlanView {
  /** What its step waits for; empty where it does not run. */
  readonly waitsFor: readonly string[];
  /** What happened to it last. */
  readonly last?: PlanAuditView;
  /** Of its consumers, those first that are not where it wants them; at most 1,000. A replica that does not lead knows its own only. */
  readonly processes: readonly ExplainedProcess[];
  /** Registrations that providers were told to take out, for `retired`. */
  readonly withdrawn: readonly ExplainedWithdrawal[];
}

export interface ExplainedProcess {
  readonly service: string;
  readonly instance: string;
  readonly connected: boolean;
  /** The plan in force there is the newest that its service has. */
  readonly acknowledged: boolean;
  /** When it last said so of what was the newest then, ms since the epoch; absent: not yet. */
  readonly acknowledgedAt?: number;
  /** As it said last; absent: it has not reported of the target. */
  readonly effective?: { readonly rung: Rung; readonly percent: number };
  /** Why it is not where the plan wants it, or may not be; absent: it is there. */
  readonly why?: string;
}

export interface ExplainedWithdrawal {
  /** Id of the registry. */
  readonly registry: string;
  /** `nacos/public/DEFAULT_GROUP/orders` */
  readonly sdkName: string;
  /** `out`: its processes keep it out; `returning`: they register again. */
  readonly state: 'out' | 'returning';
  /** Instances that the registry listed before. */
  readonly before: number;
  /** That it lists now; absent: it cannot be read. */
  readonly listed?: number;
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
