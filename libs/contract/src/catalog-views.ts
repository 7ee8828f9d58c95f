import type { Diagnostic, Health, Protocol, ServicePort, SourceStatus } from '@isthmus/model';

export type SourceState = SourceStatus['state'];

/** One scope of one registry: `GET /api/v1/sources` */
export interface SourceView {
  /** The registry's name in the config. */
  readonly source: string;
  readonly kind: string;
  /** Nacos namespace, Consul datacenter, `''` where the registry has none. */
  readonly namespace: string;
  readonly group: string;
  readonly state: SourceState;
  /** Milliseconds since the epoch at which it became stale. */
  readonly since?: number;
  /** Why it is partial or stale. */
  readonly cause?: string;
  /** Milliseconds since the registry last confirmed what is known of this scope, restarts included; absent when it never did. */
  readonly ageMs?: number;
  /** Milliseconds since it is in this state. */
  readonly stateMs?: number;
  /** Milliseconds since the registry lists nothing at all; absent while it lists something. */
  readonly emptyMs?: number;
  readonly services: number;
  readonly endpoints: number;
  /** Removals that wait for a confirmation (see `HeldView`). */
  readonly held: number;
  /** Endpoints that come and go so often that their going waits. */
  readonly damped?: number;
  /** Endpoints that are left out as older views of registrations that are over. */
  readonly refused?: number;
  readonly diagnostics: number;
}

/** One mesh host: `GET /api/v1/services?host=` */
export interface ServiceView {
  readonly host: string;
  readonly ports: readonly ServicePort[];
  readonly endpoints: number;
  /** Endpoints that take traffic. */
  readonly healthy: number;
  /** Service ids (`shop/public/DEFAULT_GROUP/orders`) that map to the host. */
  readonly origins: readonly string[];
  readonly vip?: string;
  /** At least one origin's registry is stale. */
  readonly stale: boolean;
  /** Milliseconds since the least recently heard of its registries confirmed what it says. */
  readonly ageMs?: number;
  /** Milliseconds since what the registries say of it changed. */
  readonly changedMs?: number;
  /** Mesh namespace, and the namespaces that may see it where not all do. */
  readonly namespace?: string;
  readonly exportTo?: readonly string[];
  readonly diagnostics: number;
}

/** `GET /api/v1/services/{host}` */
export interface ServiceDetail extends Omit<ServiceView, 'endpoints' | 'diagnostics'> {
  readonly endpoints: readonly EndpointView[];
  readonly diagnostics: readonly Diagnostic[];
}

/** `GET /api/v1/endpoints?host=` */
export interface EndpointView {
  readonly host: string;
  readonly address: string;
  readonly port: number;
  readonly portName: string;
  readonly protocol: Protocol;
  /** The registry's scale: 1 is normal. */
  readonly weight: number;
  readonly health: Health;
  /** `region/zone/subzone`, `''` when unknown. */
  readonly locality: string;
  /** Service id. */
  readonly origin: string;
  readonly cluster: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly takesTraffic: boolean;
  /** Milliseconds since its registry confirmed it. */
  readonly ageMs?: number;
  /** Set where its registry no longer lists it, or lists it as unhealthy. */
  readonly retained?: RetainedView;
  /** What the registry said, where the labels are not just that; in `explain` only. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/** Why an endpoint is published although its registry no longer lists it, or calls it unhealthy. */
export interface RetainedView {
  /** `mass`: it would go with too many others. `outage`: its registry was away just before. `flap`: it comes and goes. */
  readonly why: 'mass' | 'outage' | 'flap';
  /** Its registry lists it, as unhealthy: many turned so at once, and it is kept as it was. */
  readonly listed?: true;
  /** Milliseconds since the registry stopped listing it, or first called it unhealthy. */
  readonly forMs: number;
  /** Milliseconds until it goes, or is unhealthy here too, if nothing changes; absent while its registry is not followed. */
  readonly goesInMs?: number;
}

/** Several services claim one host: `GET /api/v1/conflicts` */
export interface ConflictView {
  readonly host: string;
  /** Service id. */
  readonly winner: string;
  /** Service ids that are left out. */
  readonly losers: readonly string[];
  readonly reason: string;
}

/** A mass removal that waits: `GET /api/v1/held` */
export interface HeldView {
  /** Scope id, `shop/public/DEFAULT_GROUP`. */
  readonly scope: string;
  /** Milliseconds since the epoch. */
  readonly since: number;
  /** Endpoints that would go, or get no requests any more. */
  readonly removing: number;
  /** How many of them the registry still lists: it calls them unhealthy. Absent: none. */
  readonly unhealthy?: number;
  /** Endpoints that the scope has. */
  readonly of: number;
  /** Milliseconds since the epoch from which a second complete read confirms it. */
  readonly confirmAt: number;
  /** Milliseconds since it is held. */
  readonly heldMs?: number;
  /** Ids of services concerned, at most 20. */
  readonly services: readonly string[];
}
