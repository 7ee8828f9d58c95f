import type { SourceId } from '@isthmus/model';
import type { z } from 'zod';
import type { ListenAddress } from './listen.ts';
import type { ROLES } from './schema.ts';
import type { AgentsConfig } from './sections/agents.ts';
import type { GuardConfig } from './sections/guard.ts';
import type { IstioConfig } from './sections/istio.ts';
import type { SharedLedgerConfig } from './sections/ledger.ts';
import type { LivenessConfig } from './sections/liveness.ts';
import type { MergeConfig } from './sections/merge.ts';
import type { FilesOutputConfig, KubernetesOutputConfig } from './sections/outputs.ts';
import type { PlansConfig } from './sections/plans.ts';
import type { NoConfigsWhere, PoliciesConfig } from './sections/policies.ts';
import type { ImportsConfig, PublishConfig } from './sections/publish.ts';
import type { RuntimeConfig } from './sections/runtime.ts';
import type { TtlConfig } from './sections/xds-ttl.ts';
import type { UnhealthyConfig } from './sections/xds-unhealthy.ts';

/** What a kind of registry must bring to be configured; the registry library's `RegistryKind` is one. */
export interface ConfigurableKind {
  /** `kind:` in the config. */
  readonly kind: string;
  /** The whole entry of `registries:`, `name` and `kind` included; strict, with defaults. */
  readonly schema: z.ZodType;
  /** Set where services can be published into it. */
  readonly sink?: { readonly places: { readonly namespace: boolean; readonly group: boolean } } | undefined;
  /** Set where it keeps configs. */
  readonly watchConfigs?: unknown;
  readonly noConfigsWhere?: NoConfigsWhere | undefined;
}

export type Role = (typeof ROLES)[number];

/** A valid config. Paths are absolute (relative ones start from the file's directory), times are milliseconds. */
export interface Config<Kind extends ConfigurableKind = ConfigurableKind> {
  readonly file: string;
  /** Directory of the file; what a kind's own relative paths start from. */
  readonly baseDir: string;
  readonly meshId: string;
  readonly roles: readonly Role[];
  /** In the order of the file. */
  readonly registries: readonly RegistryEntry<Kind>[];
  readonly merge: MergeConfig;
  readonly guard: GuardConfig;
  readonly imports: ImportsConfig;
  readonly publish: readonly PublishConfig[];
  readonly outputs: {
    readonly mcp?: ListenerConfig;
    readonly xds?: XdsConfig;
    readonly files?: FilesOutputConfig;
    readonly kubernetes?: KubernetesOutputConfig;
  };
  readonly control: ListenerConfig;
  readonly ledger: {
    readonly file: string;
    readonly maxAgeMs: number;
    readonly maxEntries: number;
    /** Undefined: one replica. */
    readonly shared?: SharedLedgerConfig;
  };
  /** Milliseconds that the outputs wait for registries of which nothing is known. */
  readonly readiness: { readonly maxWaitMs: number };
  readonly liveness: LivenessConfig;
  readonly istio: IstioConfig;
  readonly plans: PlansConfig;
  readonly agents: AgentsConfig;
  readonly policies: PoliciesConfig;
}

export interface RegistryEntry<Kind extends ConfigurableKind = ConfigurableKind> {
  readonly id: SourceId;
  readonly kind: Kind;
  /** What the kind's schema made of the entry. */
  readonly config: unknown;
}

export interface XdsConfig extends ListenerConfig {
  /** Changes of it need no restart. */
  readonly runtime: RuntimeConfig;
  readonly ttl: TtlConfig;
  /** Changes of it need no restart either. */
  readonly unhealthy: UnhealthyConfig;
}

export interface ListenerConfig {
  readonly listen: ListenAddress;
  readonly tls?: { readonly certFile: string; readonly keyFile: string; readonly clientCaFile?: string };
  readonly auth?: { readonly tokensFile: string };
  /** Beyond loopback on purpose; to be logged at every start. */
  readonly insecure: boolean;
}
