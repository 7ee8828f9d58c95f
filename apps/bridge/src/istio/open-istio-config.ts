import { relative } from 'node:path';
import type { Diagnostic } from '@isthmus/model';
import { IstioConfigStore, IstioDirectory } from '@isthmus/policy';
import type { MeshOptions } from '@isthmus/translate';
import type { BridgeConfig } from '../engine/bridge-config.ts';
import type { RegistrySource } from '@isthmus/registry';
import { IstioCluster } from './istio-cluster.ts';
import { meshOptions } from './mesh-options.ts';
import { ServiceEntrySource } from './service-entry-source.ts';

/** Istio's objects as the config says where they are. */
export interface IstioRules {
  readonly store: IstioConfigStore;
  readonly mesh: MeshOptions;
  /** All has been read once, or it is known that it cannot be; before, rules may be missing. Never rejects; only while it runs. */
  readonly loaded: Promise<void>;
  /** ServiceEntries as services; none where no rules are read. @param own what this mesh wrote itself is left out */
  sources(own: { readonly meshId: string }): readonly RegistrySource[];
  /** Keeps the store up to date until the signal aborts. Never throws. */
  run(signal: AbortSignal): Promise<void>;
}

export function openIstioConfig(config: BridgeConfig): IstioRules {
  const { from, namespace } = config.istio;
  const store = new IstioConfigStore();
  const mesh = meshOptions(config.istio);
  if (from === undefined) return { store, mesh, loaded: Promise.resolve(), run: () => Promise.resolve(), sources: () => [] };
  if (from.kind === 'registry') {
    const reader = cluster(config, from.registry, store);
    // Whoever reads our outputs has the cluster's own ServiceEntries from there.
    const readsRules = config.outputs.mcp !== undefined || config.outputs.kubernetes !== undefined;
    return { store, mesh, ...reader, sources: (own) => [new ServiceEntrySource(store, reader.loaded, { ...own, readsRules })] };
  }
  const directory = openDirectory(from.dir, namespace, store);
  const { promise: loaded, resolve } = Promise.withResolvers<void>();
  const run = async (signal: AbortSignal): Promise<void> => {
    await directory.scan();
    resolve();
    await directory.watch(signal);
  };
  return { store, mesh, loaded, run, sources: (own) => [new ServiceEntrySource(store, loaded, own)] };
}

/** Files are named as seen from where the process was started, if they are below. */
export function openDirectory(dir: string, namespace: string, store: IstioConfigStore): IstioDirectory {
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

function cluster(config: BridgeConfig, registry: string, store: IstioConfigStore): Pick<IstioRules, 'loaded' | 'run'> {
  const entry = config.registries.find(({ id }) => id === registry);
  const access = entry?.kind.cluster?.(entry.config, config) ?? {};
  const { namespaces = [] } = (entry?.config ?? {}) as { readonly namespaces?: readonly string[] };
  const reader = new IstioCluster({ access, namespaces: namespaces.filter((name) => name !== '*'), store });
  return { loaded: reader.loaded, run: (signal) => reader.run(signal) };
}
