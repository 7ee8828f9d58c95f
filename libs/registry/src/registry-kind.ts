import type { Clock, Diagnostic, LedgerStore, Scope, ServiceKey, SourceId } from '@isthmus/model';
import type { z } from 'zod';
import type { RegistryCorrector } from './registry-corrector.ts';
import type { SinkWire, SinkWireDeps } from './registry-sink.ts';
import type { RegistrySource } from './registry-source.ts';

/** What a source may use of the outside; injected, so that tests own time and chance. */
export interface SourceDeps {
  readonly clock: Clock;
  /** [0, 1), for jitter. */
  readonly random: () => number;
  /** Directory that relative secret and certificate paths in the config start from. */
  readonly baseDir: string;
  /**
   * Scopes that are known of this source, from the ledger too. A source whose scopes come and go (namespaces) needs them to tell
   * that those are gone which disappeared while nobody watched.
   */
  readonly knownScopes?: (source: SourceId) => Iterable<Scope>;
  /** For the bench: called with `performance.now()` when the last byte of a message of the registry is there, before it is parsed. */
  readonly onMessage?: (atMs: number) => void;
}

/** Where in a registry the replicas of one bridge keep their shared ledger. */
export interface LedgerPlace {
  /** Consul: key prefix; Nacos: prefix of data ids; Kubernetes: name of the Lease and the ConfigMaps. */
  readonly name: string;
  /** Nacos: namespace id; Kubernetes: namespace. Default: the kind's own. */
  readonly namespace?: string;
  /** Nacos: group. */
  readonly group?: string;
}

/** One line of `isthmus doctor`. */
export interface Finding {
  readonly level: 'ok' | 'warning' | 'error';
  /** "Nacos 2.3.2 at http://127.0.0.1:8848 answers, 12 services in public/DEFAULT_GROUP" */
  readonly what: string;
  /** What to do, for a warning or an error. */
  readonly remedy?: string;
}

/** Everything the product knows of a kind of registry: one folder exports one of these, `registries.ts` lists it. */
export interface RegistryKind<Config = unknown> {
  /** `kind:` in the config. */
  readonly kind: string;
  /** The whole entry of `registries:`, `name` and `kind` included; strict, with defaults. */
  readonly schema: z.ZodType<Config>;
  createSource(id: SourceId, config: Config, deps: SourceDeps): RegistrySource;
  /** Services register themselves there, by an SDK, and others find them there. */
  readonly registersBySdk?: true;
  /** Its sources have `workloads`. */
  readonly knowsWorkloads?: true;
  /** Kubernetes: which cluster it reads, so that an output can write there; paths are absolute. */
  cluster?(config: Config, deps: Pick<SourceDeps, 'baseDir'>): { readonly kubeconfig?: string; readonly context?: string };
  /** Undefined: replicas cannot keep their ledger there. */
  ledgerStore?(config: Config, place: LedgerPlace, deps: Pick<SourceDeps, 'baseDir'>): LedgerStore;
  /** Can it be reached, with which version, with enough rights. Never throws. Ends within 10 s. */
  doctor(id: SourceId, config: Config, deps: SourceDeps, signal: AbortSignal): Promise<readonly Finding[]>;
  /**
   * Who subscribes a service there, bridges left out, one entry a client; absent where the registry does not tell, undefined where it
   * does not tell of this service. Rejects when it cannot be asked.
   */
  subscribers?(
    config: Config,
    key: ServiceKey,
    deps: Pick<SourceDeps, 'baseDir'>,
    signal: AbortSignal,
  ): Promise<readonly Subscriber[] | undefined>;
  /**
   * Texts that its config store has, one for each data id, in their order; absent where a registry keeps no configs. Rejects when it
   * cannot be asked, or says no.
   */
  configTexts?(
    config: Config,
    place: ConfigPlace,
    deps: Pick<SourceDeps, 'baseDir'>,
    signal: AbortSignal,
  ): Promise<readonly ConfigText[]>;
  /** Tells of those texts and their changes until the signal aborts, then resolves; absent where a registry keeps no configs. */
  watchConfigs?(
    config: Config,
    place: ConfigPlace,
    deps: Pick<SourceDeps, 'baseDir'>,
    watcher: ConfigWatcher,
    signal: AbortSignal,
  ): Promise<void>;
  /** A value of a field of its entry with which it cannot be watched so, and why: told when the config is read. */
  readonly noConfigsWhere?: { readonly field: string; readonly is: string; readonly why: string; readonly remedy: string };
  /** How mesh services are published into it; absent where that cannot be done. */
  readonly sink?: SinkKind<Config>;
  /** How dead instances are taken out of service there; absent where that cannot be done. */
  corrector?(config: Config, deps: Pick<SourceDeps, 'baseDir' | 'clock'>): RegistryCorrector;
}

/** Where configs are kept. */
export interface ConfigPlace {
  readonly dataIds: readonly string[];
  readonly group: string;
  /** Default: the first that the registry's entry names. */
  readonly namespace?: string;
}

export interface ConfigText {
  readonly dataId: string;
  readonly group: string;
  readonly namespace: string;
  /** Absent: there is no such config. */
  readonly content?: string;
}

/** Who is told of configs. Must not throw. */
export interface ConfigWatcher {
  /** First of each data id, then of each that is another one, or gone. */
  told(text: ConfigText): void;
  /** All that is known was compared with what the registry has. */
  inStep(): void;
  /** It cannot be asked; it is tried again. What was told may be old. */
  failed(why: string): void;
}

/** A client that is told of a service's changes. */
export interface Subscriber {
  /** IP address, as the registry sees it. */
  readonly address: string;
  /** What it calls itself, `Nacos-Java-Client:v2.3.2`. */
  readonly client: string;
}

export interface SinkKind<Config = unknown> {
  /** The parts of a service's place that it has beside the name. */
  readonly places: { readonly namespace: boolean; readonly group: boolean };
  wire(config: Config, deps: SinkWireDeps): SinkWire;
}

/** A scope-level diagnostic, for what is wrong with an answer as a whole. */
export function scopeDiagnostic(
  where: string,
  code: Diagnostic['code'],
  what: string,
  meaning: string,
  remedy: string,
  severity: Diagnostic['severity'] = 'error',
): Diagnostic {
  return { code, severity, where, what, meaning, remedy };
}
