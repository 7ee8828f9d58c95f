import { relative } from 'node:path';
import type { Diagnostic } from '@isthmus/model';
import { IstioDirectory } from '@isthmus/policy';
import type { IstioConfigStore } from '@isthmus/policy';
import type { BridgeConfig } from '../engine/bridge-config.ts';
import type { RegistrySource } from '@isthmus/registry';
import { IstioCluster } from './istio-cluster.ts';
import type { ReaderPlaces, RulesStore } from './reader-places.ts';
import { ServiceEntrySource } from './service-entry-source.ts';

/** Reads Istio's objects from one place into the store. */
export interface RulesReader {
  /** All has been read once, or it is known that it cannot be; before, rules may be missing. Never rejects; only while it runs. */
  readonly loaded: Promise<void>;
  /** ServiceEntries as services; none where no rules are read. @param own what this mesh wrote itself is left out */
  sources(own: { readonly meshId: string }): readonly RegistrySource[];
  /** Keeps the store up to date until the signal aborts. Never throws. */
  run(signal: AbortSignal): Promise<void>;
}

/** @param places where it tells what it reads, of `store` */
export function openReader(config: BridgeConfig, store: IstioConfigStore, places: ReaderPlaces): RulesReader {
  const { from, namespace } = config.istio;
  if (from === undefined) {
    places.setOwnDiagnostics([]);
    return { loaded: Promise.resolve(), run: aborted, sources: () => [] };
  }
  if (from.kind === 'registry') {
    const reader = cluster(config, from.registry, places);
    // Whoever reads our outputs has the cluster's own ServiceEntries from there.
    const readsRules = config.outputs.mcp !== undefined || config.outputs.kubernetes !== undefined;
    return { ...reader, sources: (own) => [new ServiceEntrySource(store, reader.loaded, { ...own, readsRules })] };
  }
  const directory = openDirectory(from.dir, namespace, places);
  const { promise: loaded, resolve } = Promise.withResolvers<void>();
  const run = async (signal: AbortSignal): Promise<void> => {
    await directory.scan();
    resolve();
    await directory.watch(signal);
  };
  return { loaded, run, sources: (own) => [new ServiceEntrySource(store, loaded, own)] };
}

/** Files are named as seen from where the process was started, if they are below. */
export function openDirectory(dir: string, namespace: string, store: RulesStore): IstioDirectory {
  return new IstioDirectory({
    dir,
    namespace,
    nameOf: (path) => {
      const near = relative(process.cwd(), path);
      return near.startsWith('..') ? path : near;
    },
    onFiles: (files) => store.setAll(files),
    onTrouble: (what) => store.setOwnDiagnostics(what === undefined ? [] : [unreadable(dir, what)]),
  });
}

function unreadable(dir: string, what: string): Diagnostic {
  const meaning = 'what was read before stays in force';
  return {
    code: 'istio.unreadable',
    severity: 'error',
    where: dir,
    what,
    meaning,
    remedy: 'correct `istio.dir`, or make the directory and its rights',
  };
}

function cluster(config: BridgeConfig, registry: string, store: RulesStore): Pick<RulesReader, 'loaded' | 'run'> {
  const entry = config.registries.find(({ id }) => id === registry);
  const access = entry?.kind.cluster?.(entry.config, config) ?? {};
  const { namespaces = [] } = (entry?.config ?? {}) as { readonly namespaces?: readonly string[] };
  const reader = new IstioCluster({ access, namespaces: namespaces.filter((name) => name !== '*'), store });
  return { loaded: reader.loaded, run: (signal) => reader.run(signal) };
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((done) => (signal.aborted ? done() : signal.addEventListener('abort', () => done(), { once: true })));
}
