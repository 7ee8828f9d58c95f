import type { ScopeState } from '@isthmus/catalog';
import { KubeClient, openAccess } from '@isthmus/kube';
import type { KubeAccessOptions } from '@isthmus/kube';
import { soleWriter } from '@isthmus/model';
import type { Diagnostic, MeshHost, MeshObject, MeshService, OutputPlan, SourceId } from '@isthmus/model';
import { FilesOutput, KubernetesOutput } from '@isthmus/outputs';
import type { KubernetesOutputOptions, ObjectOutput } from '@isthmus/outputs';
import { istioObjects, objectYaml } from '@isthmus/translate';
import type { Callers } from '../mesh/callers.ts';
import type { BridgeConfig } from './bridge-config.ts';
import { completeSources } from './sinks.ts';

/** Into which cluster the Kubernetes output writes, and as whom; undefined: there is no such output. */
export function clusterOfOutput({ outputs, registries, baseDir }: BridgeConfig): KubeAccessOptions | undefined {
  if (outputs.kubernetes === undefined) return undefined;
  const { registry, kubeconfig, context } = outputs.kubernetes;
  const entry = registries.find(({ id }) => id === registry);
  return (
    entry?.kind.cluster?.(entry.config, { baseDir }) ?? {
      ...(kubeconfig === undefined ? {} : { kubeconfig }),
      ...(context === undefined ? {} : { context }),
    }
  );
}

/** The calls that the Kubernetes output needs; undefined: there is no such output. @throws IsthmusError `config.invalid` */
export async function openCluster(config: BridgeConfig): Promise<KubeClient | undefined> {
  const named = clusterOfOutput(config);
  return named && new KubeClient(await openAccess(named));
}

export interface ObjectOutputsParts {
  readonly config: BridgeConfig;
  /** Of the Kubernetes output. */
  readonly cluster: KubeClient | undefined;
  /** Undefined: the one replica. Files are each replica's own. */
  readonly writer: KubernetesOutputOptions['writer'] | undefined;
  /** Of the catalog in force. */
  readonly merged: (host: MeshHost) => MeshService | undefined;
  /** What plans leave to the callers of a host. */
  readonly callers: (host: MeshHost) => Callers;
}

/** The outputs that keep objects, files and Kubernetes, as long as the bridge runs: a changed config changes what they are told. */
export class ObjectOutputs {
  readonly all: readonly ObjectOutput[];
  readonly #kubernetes: KubernetesOutput | undefined;
  readonly #merged: ObjectOutputsParts['merged'];
  readonly #callers: ObjectOutputsParts['callers'];
  readonly #diagnostics = new Map<MeshHost, readonly Diagnostic[]>();
  readonly #isAlone: boolean;
  #complete = false;

  constructor({ config, cluster, writer = soleWriter, merged, callers }: ObjectOutputsParts) {
    this.#merged = merged;
    this.#callers = callers;
    this.#isAlone = config.outputs.mcp === undefined;
    const { meshId, guard } = config;
    const { files, kubernetes } = config.outputs;
    const render = (host: MeshHost): readonly MeshObject[] => this.#render(host);
    const { maxRemovalPercent, confirmAfterMs } = guard;
    const { namespace, allNamespaces = false } = kubernetes ?? {};
    if (kubernetes !== undefined && cluster !== undefined)
      this.#kubernetes = new KubernetesOutput({
        ...kubernetes,
        name: `kubernetes ${kubernetes.registry ?? cluster.access.server}/${allNamespaces ? '*' : namespace}`,
        namespace: allNamespaces ? undefined : namespace,
        client: cluster,
        callerNamespaces: config.istio.callerNamespaces,
        ...{ meshId, render, writer, maxRemovalPercent, confirmAfterMs },
      });
    this.all = [
      ...(files === undefined ? [] : [new FilesOutput({ dir: files.dir, meshId, render, toYaml: objectYaml })]),
      ...(this.#kubernetes === undefined ? [] : [this.#kubernetes]),
    ];
  }

  touch(hosts: Iterable<MeshHost>): void {
    for (const output of this.all) output.touch(hosts);
  }

  /** True as long as it is worth asking whether every source has been read. */
  get waits(): boolean {
    return this.all.length > 0 && !this.#complete;
  }

  /** Call it when everything applied so far was touched: with every source read, leftovers may go. */
  takeComplete(sources: readonly SourceId[], scopes: Iterable<ScopeState>): void {
    const complete = new Set(completeSources(scopes));
    this.#setComplete(sources.every((source) => complete.has(source)));
  }

  /** The sources are read anew, by another config; every host is touched then. */
  reconfigure({ istio }: Pick<BridgeConfig, 'istio'>): void {
    this.#setComplete(false);
    this.#kubernetes?.setCallerNamespaces(istio.callerNamespaces);
  }

  /** Of writing, of callers, and what Istio would refuse of services (which the MCP output says too, where there is one). */
  *diagnostics(): Generator<Diagnostic> {
    for (const output of this.all) yield* output.diagnostics();
    for (const list of this.#diagnostics.values()) yield* list;
  }

  /** What each would write now. @throws when what is there cannot be read */
  async plans(hosts: readonly MeshHost[], signal: AbortSignal): Promise<readonly OutputPlan[]> {
    const plans: OutputPlan[] = [];
    for (const output of this.all) plans.push(await output.plan(hosts, signal));
    return plans;
  }

  async run(signal: AbortSignal): Promise<void> {
    await Promise.all(this.all.map((output) => output.run(signal)));
  }

  #setComplete(isComplete: boolean): void {
    this.#complete = isComplete;
    for (const output of this.all) output.complete(isComplete);
  }

  #render(host: MeshHost): readonly MeshObject[] {
    const service = this.#merged(host);
    const { objects, diagnostics } = service === undefined ? { objects: [], diagnostics: [] } : istioObjects(service);
    const callers = this.#callers(host);
    const said = this.#isAlone ? [...diagnostics, ...callers.diagnostics] : callers.diagnostics;
    if (said.length === 0) this.#diagnostics.delete(host);
    else this.#diagnostics.set(host, said);
    return callers.objects.length === 0 ? objects : [...objects, ...callers.objects];
  }
}
