import type { AgentTarget } from './agent-plan.ts';

/**
 * `GET {API_PREFIX}/agents/stream?service=web&instance=ID&agent=0.1.0&node=v24.1.0&schema=1`, server-sent events, with
 * `Authorization: Bearer TOKEN` where the token is bound to the service. After `hello` the stream begins with a `plan` and the views,
 * of which the last has an `id`, as has every later event but `ask`; with `Last-Event-ID` it goes on there where the bridge still can. A comment
 * every `pingMs` shows that it is alive.
 */
export type AgentStreamEvent =
  | { readonly event: 'hello'; readonly data: AgentHello }
  | { readonly event: 'plan'; readonly data: AgentStreamPlan }
  | { readonly event: 'target'; readonly data: AgentTargetChange }
  | { readonly event: 'gone'; readonly data: { readonly version: string; readonly host: string; readonly port: number } }
  | { readonly event: 'endpoints'; readonly data: TargetEndpoints }
  | { readonly event: 'view'; readonly data: TargetViewHash }
  | { readonly event: 'registrations'; readonly data: WithdrawnRegistrations }
  | { readonly event: 'ask'; readonly data: { readonly host: string; readonly port: number } };

export interface AgentHello {
  /** The newest schema that the bridge speaks. */
  readonly schema: 1;
  readonly bridge: string;
  readonly pingMs: number;
  readonly reportEveryMs: number;
}

/** All targets of this consumer: replaces everything. */
export interface AgentStreamPlan {
  readonly schema: 1;
  readonly version: string;
  readonly targets: readonly AgentTarget[];
}

/** One target is new or other than before; `version` is the plan's from now on. */
export interface AgentTargetChange {
  readonly version: string;
  readonly target: AgentTarget;
}

/** The mesh's view of a target, for `discovery` and above: to pick from, and to recognise its calls by. */
export interface TargetEndpoints {
  readonly host: string;
  readonly port: number;
  readonly hash: string;
  readonly endpoints: readonly ViewEndpoint[];
}

/** At `shadow`: what the mesh's view comes to. An agent whose SDK sees another hash says so in its next report, and is asked. */
export interface TargetViewHash {
  readonly host: string;
  readonly port: number;
  /** `viewHash` of the endpoints. */
  readonly hash: string;
  readonly endpoints: number;
}

/** What the processes of this service keep out of their registries now (a plan of it is `retired`); everything else they register as ever. */
export interface WithdrawnRegistrations {
  /** `KIND/NAMESPACE/GROUP/NAME`, sorted. */
  readonly withdrawn: readonly string[];
  /** Those of them that their registry lists all the same: they are deregistered again, again and again while it does. */
  readonly listed?: readonly string[];
}

/** An instance, as an SDK or the mesh sees it. */
export interface ViewEndpoint {
  /** IP address, or the name that the registry has. */
  readonly address: string;
  readonly port: number;
  /** Of 1 by default; fractions are kept. */
  readonly weight: number;
  readonly healthy: boolean;
  /** Region/zone/subzone as far as known, else `''`. */
  readonly zone: string;
  /** `http`, `grpc`, `dubbo`, …; `''` where the registry does not say. */
  readonly protocol: string;
}
