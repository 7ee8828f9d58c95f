import { statSync } from 'node:fs';
import { relative, resolve } from 'node:path';
import type { ProxySettingsView } from '@isthmus/contract';
import { formatDiagnostic } from '@isthmus/model';
import type { Diagnostic } from '@isthmus/model';
import { IstioConfigStore, IstioDirectory, effectiveProxyConfig, parseIstioYaml } from '@isthmus/policy';
import type { ControlClient } from './control-client.ts';
import { CliError, EXIT } from './exit-code.ts';
import type { Io } from './io.ts';
import { readText } from './options.ts';

/** What ProxyConfigs make of a bootstrap. */
export interface ProxySettings {
  /** Worker threads, 0: one per CPU; undefined: nobody says. It is no part of a bootstrap but of Envoy's command line. */
  readonly concurrency: number | undefined;
  /** Of the node, from variables named ISTIO_META_…, as istio-agent makes it. */
  readonly metadata: Readonly<Record<string, string>>;
  /** What is said and means nothing here. */
  readonly notes: readonly string[];
}

const META = 'ISTIO_META_';

interface Workload {
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** @param path a file with Istio's objects, or a directory, as `istio.dir`. @throws CliError where it cannot be read */
export async function settingsOfFiles(
  io: Io,
  path: string,
  workload: Workload & { readonly rootNamespace: string },
): Promise<ProxySettings> {
  const store = await readRules(io, path);
  const { concurrency, environment, imageType } = effectiveProxyConfig(store.objects('ProxyConfig'), workload);
  return settings(concurrency, environment, imageType, store.diagnostics('ProxyConfig'));
}

/** As the bridge has them in force, wherever from. @throws CliError where it cannot be asked, or has not read them yet */
export async function settingsOfBridge(bridge: ControlClient, { namespace, labels }: Workload): Promise<ProxySettings> {
  const query = new URLSearchParams([
    ['namespace', namespace],
    ...Object.entries(labels).map(([name, value]) => ['label', `${name}=${value}`] as [string, string]),
  ]);
  const said = await bridge.get<ProxySettingsView>(`/proxies/settings?${query.toString()}`);
  return settings(said.concurrency, said.environmentVariables, said.imageType ?? '', said.diagnostics);
}

function settings(
  concurrency: number | undefined,
  environment: Readonly<Record<string, string>>,
  imageType: string,
  diagnostics: Iterable<Diagnostic>,
): ProxySettings {
  const names = Object.keys(environment).sort();
  const meta = names.filter((name) => name.startsWith(META) && name.length > META.length);
  const others = names.filter((name) => !meta.includes(name));
  return {
    concurrency,
    metadata: Object.fromEntries(meta.map((name) => [name.slice(META.length), environment[name] ?? ''])),
    notes: [
      ...[...diagnostics].map(formatDiagnostic),
      ...(others.length === 0
        ? []
        : [`environmentVariables of a ProxyConfig: ${others.join(', ')} mean something to istio-agent, and nothing to Envoy`]),
      ...(imageType === '' ? [] : [`image of a ProxyConfig is "${imageType}": which Envoy runs is yours to choose`]),
    ],
  };
}

async function readRules(io: Io, path: string): Promise<IstioConfigStore> {
  const store = new IstioConfigStore();
  const at = resolve(io.cwd, path);
  if (statSync(at, { throwIfNoEntry: false })?.isDirectory() !== true) {
    store.set(path, parseIstioYaml(readText(io, path, '--rules'), { file: path, defaultNamespace: 'default' }));
    return store;
  }
  const troubles: string[] = [];
  const directory = new IstioDirectory({
    dir: at,
    namespace: 'default',
    nameOf: (file) => relative(io.cwd, file),
    onFiles: (files) => store.setAll(files),
    onTrouble: (what) => void (what === undefined || troubles.push(what)),
  });
  await directory.scan();
  await store.settled;
  if (troubles.length > 0) throw new CliError(EXIT.usage, `--rules: ${at} cannot be read: ${troubles.join('; ')}.`);
  return store;
}
