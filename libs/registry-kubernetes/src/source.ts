import { resolve } from 'node:path';
import { KeyedQueue, backoff, pause } from '@isthmus/model';
import type { Scope, SourceEvent, SourceId, SourceStatus, WorkloadEvent } from '@isthmus/model';
import { KubeClient, KubeError, openAccess } from '@isthmus/kube';
import type { KubeAccess } from '@isthmus/kube';
import { EventChannel } from '@isthmus/registry';
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

  watch(signal: AbortSignal): AsyncIterable<SourceEvent> {
    const channel = new EventChannel();
    return this.#follow(
      (until) => channel.read(until),
      (informers, onError) => {
        const knownNamespaces = () => [...(this.#deps.knownScopes?.(this.id) ?? [])].map((scope) => scope.namespace);
        const common = { nodes: informers.nodes, rules: { source: this.id, ...this.#config }, knownNamespaces, onError };
        const feeds = informers.parts.map((part) => new PartFeed({ ...common, part, emit: (event) => channel.push(event) }));
        for (const feed of feeds) feed.start();
        return async () => void (await Promise.all(feeds.map((feed) => feed.stop())));
      },
      (status) => {
        for (const scope of this.#firstScopes()) channel.push({ kind: 'status', scope, status });
      },
      signal,
    );
  }

  #workloads(signal: AbortSignal): AsyncIterable<WorkloadEvent> {
    const queue = new KeyedQueue<WorkloadEvent>();
    return this.#follow(
      (until) => queue.read(until),
      (informers, onError) => {
        const feed = new WorkloadFeed(informers, queue, onError);
        feed.start();
        return () => feed.stop();
      },
      (status) => queue.push({ kind: 'status', status }),
      signal,
    );
  }

  /** Reads `read` while the watches run that `start` listens to. Throws what it calls back with: a bug. */
  async *#follow<T>(
    read: (until: AbortSignal) => AsyncIterable<T>,
    start: (informers: Informers, onError: (error: unknown) => void) => () => Promise<void>,
    say: (status: SourceStatus) => void,
    signal: AbortSignal,
  ): AsyncGenerator<T> {
    const ended = new AbortController();
    let failure: { readonly error: unknown } | undefined;
    const both = AbortSignal.any([signal, ended.signal]);
    const fail = (error: unknown): void => {
      failure = { error };
      ended.abort();
    };
    const running = this.#reading((informers) => start(informers, fail), say, both);
    try {
      yield* read(both);
    } finally {
      ended.abort();
      await running;
    }
    if (failure !== undefined) throw failure.error;
  }

  /** Where problems are told before any namespace is known: those of the config, or the cluster's own. */
  #firstScopes(): readonly Scope[] {
    const names = this.#config.namespaces[0] === '*' ? [''] : this.#config.namespaces;
    return names.map((namespace) => ({ source: this.id, namespace, group: '' }));
  }

  /** Connects, however long that takes, and reads until the signal aborts. */
  async #reading(
    start: (informers: Informers) => () => Promise<void>,
    say: (status: SourceStatus) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const informers = await this.#join(say, signal);
    if (informers === undefined) return;
    const stop = start(informers);
    await new Promise<void>((done) => (signal.aborted ? done() : signal.addEventListener('abort', () => done(), { once: true })));
    await stop();
    this.#leave();
  }

  /** Undefined when the signal aborted first. */
  async #join(say: (status: SourceStatus) => void, signal: AbortSignal): Promise<Informers | undefined> {
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
        if (since === undefined) say({ state: 'syncing' });
        since ??= this.#deps.clock.now();
        say({ state: 'stale', since, cause: KubeError.from(thrown).line });
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
