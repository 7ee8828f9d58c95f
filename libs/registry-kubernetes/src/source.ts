import { resolve } from 'node:path';
import type { Scope, SourceEvent, SourceId, WorkloadEvent } from '@isthmus/model';
import { KeyedQueue, KubeClient, KubeError, openAccess } from '@isthmus/kube';
import type { KubeAccess } from '@isthmus/kube';
import { EventChannel, backoff, pause } from '@isthmus/registry';
import type { RegistrySource, SourceDeps } from '@isthmus/registry';
import type { KubernetesConfig } from './config.ts';
import { informersOf } from './informers.ts';
import type { Informers } from './informers.ts';
import { PartFeed } from './part-feed.ts';
import { WorkloadFeed } from './workload-feed.ts';

const LAST_RETRY_MS = 10_000;

/** How the source comes to its API server; tests give their own. */
export type Connect = (config: KubernetesConfig, baseDir: string) => Promise<KubeAccess>;

export const connectByConfig: Connect = ({ kubeconfig, context }, baseDir) =>
  openAccess({
    ...(kubeconfig === undefined ? {} : { kubeconfig: resolve(baseDir, kubeconfig) }),
    ...(context === undefined ? {} : { context }),
  });

/** Reads Services, EndpointSlices, Pods and Nodes by watches that both of its feeds share. */
export class KubernetesSource implements RegistrySource {
  readonly id: SourceId;
  /** Undefined where the config says that Pods are not read. */
  readonly workloads?: (signal: AbortSignal) => AsyncIterable<WorkloadEvent>;
  readonly #config: KubernetesConfig;
  readonly #deps: SourceDeps;
  readonly #connect: Connect;
  /** While somebody reads: the connection and its watches, or the attempt to get there. */
  #shared: { readonly client: KubeClient; readonly informers: Informers } | undefined;
  #readers = 0;

  constructor(id: SourceId, config: KubernetesConfig, deps: SourceDeps, connect: Connect = connectByConfig) {
    this.id = id;
    this.#config = config;
    this.#deps = deps;
    this.#connect = connect;
    if (config.workloads) this.workloads = (signal) => this.#workloads(signal);
  }

  async *watch(signal: AbortSignal): AsyncGenerator<SourceEvent> {
    const channel = new EventChannel();
    const ended = new AbortController();
    let failure: { readonly error: unknown } | undefined;
    const both = AbortSignal.any([signal, ended.signal]);
    const running = this.#reading(
      (informers) => {
        const feeds = informers.parts.map(
          (part) =>
            new PartFeed({
              part,
              nodes: informers.nodes,
              rules: { source: this.id, ...this.#config },
              emit: (event) => channel.push(event),
              knownNamespaces: () => [...(this.#deps.knownScopes?.(this.id) ?? [])].map((scope) => scope.namespace),
              onError: (error) => {
                failure = { error };
                ended.abort();
              },
            }),
        );
        for (const feed of feeds) feed.start();
        return async () => void (await Promise.all(feeds.map((feed) => feed.stop())));
      },
      (cause, since) => {
        for (const scope of this.#firstScopes()) {
          if (since === undefined) channel.push({ kind: 'status', scope, status: { state: 'syncing' } });
          else channel.push({ kind: 'status', scope, status: { state: 'stale', since, cause } });
        }
      },
      both,
    );
    try {
      yield* channel.read(both);
    } finally {
      ended.abort();
      await running;
    }
    if (failure !== undefined) throw failure.error;
  }

  async *#workloads(signal: AbortSignal): AsyncGenerator<WorkloadEvent> {
    const queue = new KeyedQueue<WorkloadEvent>();
    const ended = new AbortController();
    const running = this.#reading(
      (informers) => {
        const feed = new WorkloadFeed(informers, queue);
        feed.start();
        return () => feed.stop();
      },
      (cause, since) =>
        queue.pushOver(
          { kind: 'status', status: since === undefined ? { state: 'syncing' } : { state: 'stale', since, cause } },
          () => false,
        ),
      AbortSignal.any([signal, ended.signal]),
    );
    try {
      yield* queue.read(signal);
    } finally {
      ended.abort();
      await running;
    }
  }

  /** Where problems are told before any namespace is known: those of the config, or the cluster's own. */
  #firstScopes(): readonly Scope[] {
    const names = this.#config.namespaces[0] === '*' ? [''] : this.#config.namespaces;
    return names.map((namespace) => ({ source: this.id, namespace, group: '' }));
  }

  /** Connects, however long that takes, and reads until the signal aborts. */
  async #reading(
    start: (informers: Informers) => () => Promise<void>,
    sayProblem: (cause: string, since: number | undefined) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const informers = await this.#join(sayProblem, signal);
    if (informers === undefined) return;
    const stop = start(informers);
    await new Promise<void>((done) => (signal.aborted ? done() : signal.addEventListener('abort', () => done(), { once: true })));
    await stop();
    this.#leave();
  }

  /** Undefined when the signal aborted first. */
  async #join(
    sayProblem: (cause: string, since: number | undefined) => void,
    signal: AbortSignal,
  ): Promise<Informers | undefined> {
    let since: number | undefined;
    for (let attempt = 0; !signal.aborted; attempt += 1) {
      try {
        const access = this.#shared === undefined ? await this.#connect(this.#config, this.#deps.baseDir) : undefined;
        // Another reader may have come first meanwhile.
        if (signal.aborted || this.#shared !== undefined) access?.close();
        if (signal.aborted) return undefined;
        if (this.#shared === undefined && access !== undefined) {
          const client = new KubeClient(access, { timeoutMs: this.#config.timeout });
          const { clock, random } = this.#deps;
          this.#shared = { client, informers: informersOf(client, this.#config, { clock, random }) };
        }
        this.#readers += 1;
        return this.#shared?.informers;
      } catch (thrown) {
        if (since === undefined) sayProblem('', undefined);
        since ??= this.#deps.clock.now();
        sayProblem(KubeError.from(thrown).line, since);
        await pause(backoff(attempt, this.#deps.random, 200, LAST_RETRY_MS), signal);
      }
    }
    return undefined;
  }

  #leave(): void {
    this.#readers -= 1;
    if (this.#readers > 0) return;
    this.#shared?.client.close();
    this.#shared = undefined;
  }
}
