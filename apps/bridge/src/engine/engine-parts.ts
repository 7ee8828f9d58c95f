import { Catalog } from '@isthmus/catalog';
import { SharedLedger } from '@isthmus/ledger';
import type { LocalLedger } from '@isthmus/ledger';
import { soleWriter, steadyClock } from '@isthmus/model';
import type { Scope, ServiceId, SourceId } from '@isthmus/model';
import type { RegistrySource, Writer } from '@isthmus/registry';
import type { IstioRules } from '../istio/istio-rules.ts';
import { Liveness } from '../liveness/liveness.ts';
import type { CorrectionAudit } from '../liveness/corrections.ts';
import type { BridgeConfig } from './bridge-config.ts';
import type { Replicas } from './replicas.ts';
import { Sinks } from './sinks.ts';

/** What the parts of an engine are made of: anew with each config, but for the ledger. */
export interface PartsOptions {
  readonly config: BridgeConfig;
  readonly ledger: LocalLedger;
  /** With several replicas: who writes into registries. */
  readonly writer: Writer | undefined;
  readonly dryRun: boolean;
  readonly audit: (entry: CorrectionAudit) => void;
}

/** @param before that of the config before this one */
export function makeCatalog({ config, ledger }: PartsOptions, liveness: Liveness, before?: Catalog): Catalog {
  const { merge, guard, registries } = config;
  // Of registries whose instances have to renew.
  const graces = new Map(registries.flatMap(({ id, config: own }) => graceOf(id, own)));
  return new Catalog({
    rules: { ...merge, meshNamespace: 'isthmus' },
    guard,
    ledger,
    clock: steadyClock,
    allocateVips: true,
    overlay: liveness,
    restartGrace: (source) => graces.get(source) ?? 0,
    mayMistakeHealth: (source) => graces.has(source),
    before,
  });
}

function graceOf(id: SourceId, config: unknown): readonly (readonly [SourceId, number])[] {
  if (typeof config !== 'object' || config === null || !('restartGrace' in config)) return [];
  return typeof config.restartGrace === 'number' ? [[id, config.restartGrace]] : [];
}

export function makeLiveness({ config, ledger, writer, dryRun, audit }: PartsOptions): Liveness {
  const shared = ledger instanceof SharedLedger ? ledger.writer : soleWriter;
  return new Liveness({ config, ledger, clock: steadyClock, audit, dryRun, writer: writer ?? shared });
}

/** @param before those of the config before this one */
export function makeSinks(
  { config, ledger, writer }: PartsOptions,
  catalog: Catalog,
  replicas: Replicas | undefined,
  before?: Sinks,
): Sinks {
  const isFollowed = (services: readonly ServiceId[]): boolean =>
    services.every((id) => catalog.scopeById(id.slice(0, id.lastIndexOf('/')))?.status.state === 'live');
  return new Sinks({ config, ledger, clock: steadyClock, writer: writer ?? replicas?.writerOf(config), isFollowed, before });
}

/** All that are read: the registries, and Istio's ServiceEntries. */
export function sourceIds({ registries, meshId }: BridgeConfig, istio: IstioRules): readonly SourceId[] {
  return [...registries, ...istio.sources({ meshId })].map(({ id }) => id);
}

/** The registries of the config. @param onMessage see `SourceDeps.onMessage` */
export function makeSources(
  { registries, baseDir }: BridgeConfig,
  catalog: Catalog,
  onMessage: ((atMs: number) => void) | undefined,
): readonly RegistrySource[] {
  const knownScopes = (source: SourceId): readonly Scope[] =>
    [...catalog.scopes()].map(({ scope }) => scope).filter((scope) => scope.source === source);
  const deps = {
    clock: steadyClock,
    random: Math.random,
    baseDir,
    knownScopes,
    ...(onMessage === undefined ? {} : { onMessage }),
  };
  return registries.map(({ id, kind, config }) => kind.createSource(id, config, deps));
}
