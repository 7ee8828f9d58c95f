import { setImmediate as nextTurn } from 'node:timers/promises';
import { TokenBucket } from '@isthmus/kube';
import type { InformerTiming, KubeClient } from '@isthmus/kube';
import { messageOf, objectKey, runInSlices } from '@isthmus/model';
import type { Diagnostic, MeshHost, MeshObject, OutputPlan } from '@isthmus/model';
import type { ObjectOutput, Render } from '../object-output.ts';
import { Problems } from '../problems.ts';
import { SyncGate } from '../sync-gate.ts';
import { DONE, WorkQueue } from '../work-queue.ts';
import type { WorkQueueOptions, WorkResult } from '../work-queue.ts';
import { Drift } from './drift.ts';
import { digestOf, owned } from './own-objects.ts';
import type { Observed } from './own-objects.ts';
import { OwnView } from './own-view.ts';
import type { OwnPlaces } from './own-view.ts';
import { planObjects } from './plan-objects.ts';
import { removeObject, resultOf, writeObject } from './write-object.ts';
import type { WriteContext, WriteOutcome } from './write-object.ts';

export interface KubernetesOutputOptions extends OwnPlaces {
  /** As the config has it: `kubernetes k8s/isthmus`. */
  readonly name: string;
  readonly client: KubeClient;
  readonly render: Render;
  readonly createNamespaces: boolean;
  readonly rate: { readonly perSecond: number; readonly burst: number };
  /** Asked right before every write. */
  readonly writer: { isWriter(): boolean; onChange(listener: () => void): () => void };
  /** Share of our objects, percent, of which more at once are removed only after a pause. */
  readonly maxRemovalPercent: number;
  readonly confirmAfterMs: number;
  readonly retry?: WorkQueueOptions<string>['retry'];
  readonly timing?: Partial<InformerTiming>;
}

/** Calls under way at the same time. */
const CONCURRENCY = 8;
/** So few may always go. */
const FEW = 10;
/** An item of the queue that is no host: looks for objects that nobody wants. */
const SWEEP = '';

/**
 * ServiceEntries, and what callers under plans are told, in a Kubernetes cluster, by server-side apply. A burst of changes of a
 * host is one write; writes keep to a rate; what is there already is not written. Our objects are watched: whoever changes or
 * deletes one sees it come back.
 */
export class KubernetesOutput implements ObjectOutput {
  readonly name: string;
  readonly #options: KubernetesOutputOptions;
  /** Of hosts, and of keys of leftovers (which have a slash). */
  readonly #queue: WorkQueue<string>;
  readonly #gate = new SyncGate<string>();
  readonly #problems = new Problems();
  readonly #bucket: TokenBucket;
  readonly #drift: Drift;
  readonly #keys = new Map<string, readonly string[]>();
  readonly #wanted = new Map<string, { readonly host: MeshHost; readonly digest: string }>();
  readonly #view: OwnView;
  #callerNamespaces: readonly string[];
  #works = false;
  #heldSince: number | undefined;

  constructor(options: KubernetesOutputOptions) {
    this.#options = options;
    this.name = options.name;
    this.#callerNamespaces = options.callerNamespaces;
    this.#bucket = new TokenBucket(options.rate);
    this.#drift = new Drift((key) => this.#check(key));
    this.#queue = new WorkQueue<string>({
      work: (item, signal) => this.#work(item, signal).catch((error: unknown) => this.#failed(item, error, signal)),
      concurrency: CONCURRENCY,
      ...(options.retry === undefined ? {} : { retry: options.retry }),
    });
    this.#queue.pause(true);
    this.#view = new OwnView({
      ...options,
      timing: options.timing,
      changed: (key) => {
        for (const each of key === undefined ? this.#wanted.keys() : [key]) this.#compare(each);
      },
      turned: (error) => {
        this.#problems.set(this.name, error && this.#unwatched(error.message, error.remedy));
        this.#mayWork();
      },
    });
  }

  get pending(): number {
    return this.#queue.size;
  }

  touch(hosts: Iterable<MeshHost>): void {
    for (const host of hosts) {
      this.#gate.touched(host);
      this.#queue.add(host);
    }
  }

  complete(isComplete: boolean): void {
    if (this.#gate.set(isComplete)) this.#queue.add(SWEEP);
  }

  /** They count for hosts that are touched after it. */
  setCallerNamespaces(namespaces: readonly string[]): void {
    this.#callerNamespaces = namespaces;
    this.#view.setCallerNamespaces(namespaces);
  }

  diagnostics(): readonly Diagnostic[] {
    return this.#problems.list();
  }

  async plan(hosts: Iterable<MeshHost>, signal: AbortSignal): Promise<OutputPlan> {
    const wanted: MeshObject[] = [];
    await runInSlices(this.#collect(hosts, wanted));
    return planObjects(this.name, wanted, { ...this.#options, callerNamespaces: this.#callerNamespaces, signal });
  }

  async run(signal: AbortSignal): Promise<void> {
    const unsubscribe = this.#options.writer.onChange(() => this.#mayWork());
    await Promise.all([this.#queue.run(signal), this.#view.run(signal)]);
    unsubscribe();
    this.#drift.stop();
  }

  /** Without a view of what is there, nothing is written: all of it would be written again. */
  #mayWork(): void {
    const works = this.#view.isLive && this.#options.writer.isWriter();
    // What another writer left, or came while nobody looked, may be a leftover.
    if (works && !this.#works && this.#gate.renew()) this.#queue.add(SWEEP);
    this.#works = works;
    this.#queue.pause(!works);
  }

  #compare(key: string): void {
    if (this.#wanted.get(key)?.digest !== this.#view.observed.get(key)?.digest) this.#drift.suspect(key);
  }

  #check(key: string): void {
    const wanted = this.#wanted.get(key);
    if (wanted === undefined) {
      if (this.#view.observed.has(key) && this.#gate.state === 'open') this.#queue.add(key);
      return;
    }
    if (wanted.digest === this.#view.observed.get(key)?.digest) return;
    this.#drift.repaired(key);
    this.#queue.add(wanted.host);
  }

  async #work(item: string, signal: AbortSignal): Promise<WorkResult> {
    if (item === SWEEP) return this.#sweep();
    if (item.includes('/')) return this.#wanted.has(item) ? DONE : this.#remove(item, signal);
    return this.#write(item as MeshHost, signal);
  }

  async #write(host: MeshHost, signal: AbortSignal): Promise<WorkResult> {
    const objects = new Map(this.#objectsOf(host).map((object) => [objectKey(object), object]));
    const digests = new Map<string, string>();
    for (const [key, object] of objects) {
      digests.set(key, digestOf(object));
      if (objects.size > 1) await nextTurn(); // a shard of 4,096 endpoints takes 10 ms
    }
    this.#gate.seen(host);
    const before = this.#keys.get(host) ?? [];
    if (objects.size === 0) this.#keys.delete(host);
    else this.#keys.set(host, [...objects.keys()]);
    for (const [key, digest] of digests) this.#wanted.set(key, { host, digest });
    for (const key of before) {
      if (objects.has(key)) continue;
      this.#wanted.delete(key);
      this.#queue.add(key);
    }
    const outcomes: WriteOutcome[] = [];
    for (const [key, object] of objects) {
      const known = this.#view.observed.get(key);
      if (known?.digest === this.#wanted.get(key)?.digest) {
        this.#problems.set(key, undefined);
        continue;
      }
      const outcome = await writeObject(object, this.#context(known, signal));
      if (outcome.observed !== undefined) this.#view.observed.set(key, outcome.observed);
      this.#problems.set(key, outcome.problem);
      outcomes.push(outcome);
    }
    return resultOf(outcomes.find((outcome) => outcome.retryAfterMs !== undefined) ?? {});
  }

  async #remove(key: string, signal: AbortSignal): Promise<WorkResult> {
    const known = this.#view.observed.get(key);
    this.#problems.set(key, undefined);
    if (known === undefined) return DONE;
    const context = this.#context(known, signal);
    // Among many writes the rate limit takes minutes: its host may be back by then, and has nothing to write as long as it is there.
    const mayWrite = async (): Promise<boolean> => (await context.mayWrite()) && !this.#wanted.has(key);
    const outcome = await removeObject(key, { ...context, known, mayWrite });
    if (outcome.problem === undefined && outcome.retryAfterMs === undefined) this.#view.observed.delete(key);
    this.#problems.set(key, outcome.problem);
    return resultOf(outcome);
  }

  /** Writing turns what the API server says into problems; anything else that is thrown is a bug, which costs this item alone. */
  #failed(item: string, error: unknown, signal: AbortSignal): WorkResult {
    if (signal.aborted) return DONE;
    this.#problems.set(item, this.#unwatched(`${item}: ${messageOf(error)}`, 'this is a bug: report it with the log'));
    return { kind: 'again' };
  }

  #sweep(): WorkResult {
    if (this.#gate.state === 'closed') return DONE;
    if (this.#gate.state === 'waiting') return { kind: 'again', afterMs: 200 };
    const leftovers = [...this.#view.observed.keys()].filter((key) => !this.#wanted.has(key));
    if (this.#isHeld(leftovers.length)) return { kind: 'again', afterMs: this.#options.confirmAfterMs };
    for (const key of leftovers) this.#queue.add(key);
    return DONE;
  }

  /** Most of what we wrote being unwanted all at once smells of a lost ledger and a registry that came up empty. */
  #isHeld(removing: number): boolean {
    const { maxRemovalPercent, confirmAfterMs } = this.#options;
    const of = this.#view.observed.size;
    const isMany = removing > FEW && removing * 100 > of * maxRemovalPercent;
    const since = (this.#heldSince ??= performance.now());
    const held = isMany && performance.now() - since < confirmAfterMs;
    if (!held) this.#heldSince = undefined;
    this.#problems.set(SWEEP, held ? this.#held(removing, of) : undefined);
    return held;
  }

  *#collect(hosts: Iterable<MeshHost>, into: MeshObject[]): Generator<void> {
    for (const host of hosts) {
      into.push(...this.#objectsOf(host));
      yield;
    }
  }

  #objectsOf(host: MeshHost): readonly MeshObject[] {
    const { render, meshId, namespace } = this.#options;
    return render(host).map((object) => {
      // What is for callers has to be where they are.
      const own = object.kind === 'ServiceEntry' ? namespace : undefined;
      return owned(object, meshId, own ?? object.metadata.namespace);
    });
  }

  #context(known: Observed | undefined, signal: AbortSignal): WriteContext {
    const { client, meshId, createNamespaces, writer } = this.#options;
    const mayWrite = async (): Promise<boolean> => {
      await this.#bucket.take(signal);
      return writer.isWriter(); // asked last: who was paused for long is told so by its clock
    };
    return { client, meshId, createNamespaces, known, signal, mayWrite };
  }

  #unwatched(what: string, remedy: string | undefined): Diagnostic {
    return {
      code: 'output.unwritable',
      severity: 'error',
      where: this.name,
      what,
      meaning: 'nothing is written to the cluster; what is there stays',
      remedy: remedy ?? 'is the API server up?',
    };
  }

  #held(removing: number, of: number): Diagnostic {
    return {
      code: 'removal.held',
      severity: 'warning',
      where: this.name,
      what: `${removing} of ${of} objects in the cluster are wanted by no service any more`,
      meaning: `they stay for ${Math.round(this.#options.confirmAfterMs / 1_000)} s, and go if that is still so`,
      remedy: 'if the registries came up empty, stop the bridge and mend them first',
    };
  }
}
