/**
 * All objects of a kind, kept up to date: list, watch, and everything that goes wrong in between
 * (https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes).
 */
import { backoff, jittered, KeyedQueue, ownTurn, pause, systemClock } from '@isthmus/model';
import type { Clock } from '@isthmus/model';
import { Heartbeat } from './heartbeat.ts';
import type { KubeClient } from './kube-client.ts';
import { KubeError } from './kube-error.ts';
import { listPages } from './objects.ts';
import type { ListOptions } from './objects.ts';
import { objectKey } from './resource.ts';
import type { KubeObject, Resource } from './resource.ts';
import { watchObjects } from './watch.ts';

export type InformerStatus =
  /** Never completely read. */
  | { readonly state: 'syncing' }
  /** What was told is what the API server has. */
  | { readonly state: 'live' }
  /** The API server cannot be read; what was told stays. */
  | { readonly state: 'stale'; readonly since: number; readonly error: KubeError };

export type InformerEvent<Kept> =
  /** A complete list: what is not in it is gone. The map is the reader's own. */
  | { readonly kind: 'snapshot'; readonly objects: Map<string, Kept> }
  | { readonly kind: 'upsert'; readonly key: string; readonly object: Kept }
  | { readonly kind: 'remove'; readonly key: string }
  | { readonly kind: 'status'; readonly status: InformerStatus };

/** Milliseconds. */
export interface InformerTiming {
  /** Each watch is renewed after about this (± 20 %), so that one that died in silence is not kept. Default 5 minutes. */
  readonly lifetimeMs: number;
  /** A watch without a byte for so long is taken for dead (bookmarks come every minute). Default 150 s. */
  readonly stallMs: number;
  /** Everything is listed again after about this, at the next renewal of the watch. Default 30 minutes. */
  readonly resyncMs: number;
  /** Longest pause between two tries. Default 10 s. */
  readonly backoffMaxMs: number;
}

const TIMING: InformerTiming = { lifetimeMs: 300_000, stallMs: 150_000, resyncMs: 1_800_000, backoffMaxMs: 10_000 };
/** A watch that ends sooner than this did not work: no hot loop. */
const SHORT_WATCH_MS = 1_000;
/** Objects of a page that are looked at in one turn of the event loop. */
const STEP = 250;
/** The server counts in whole seconds. */
const EARLY_MS = 1_000;
/** "Try again later" that often in a row is an outage. */
const PATIENCE = 3;

export interface InformerOptions<Raw extends KubeObject, Kept> {
  readonly resource: Resource;
  /** Default: all. */
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  /**
   * What is kept of an object, before it is kept: memory holds nothing else. Undefined: the object is of no interest.
   * @param before what is kept of it until now
   */
  readonly keep: (object: Raw, before: Kept | undefined) => Kept | undefined;
  /** True when a change says nothing new to the reader; default: never. */
  readonly same?: (before: Kept, after: Kept) => boolean;
  readonly timing?: Partial<InformerTiming>;
  /** Shared by the informers of one client; default: its own. */
  readonly heartbeat?: Heartbeat;
  readonly clock?: Clock;
  readonly random?: () => number;
}

interface Entry<Kept> {
  readonly resourceVersion: string;
  readonly kept: Kept;
}

/**
 * The events: `status syncing`, `snapshot`, `status live`, then changes; `status stale` when the server is lost, and after
 * that `snapshot` and `status live` again. Nothing is removed while it is stale. Holds one waiting event for each object at most.
 * Ends when the signal aborts, and only then; never throws.
 */
export async function* inform<Raw extends KubeObject, Kept>(
  client: KubeClient,
  options: InformerOptions<Raw, Kept>,
  signal: AbortSignal,
): AsyncGenerator<InformerEvent<Kept>> {
  const queue = new KeyedQueue<InformerEvent<Kept>>();
  const ended = new AbortController();
  const both = AbortSignal.any([signal, ended.signal]);
  const running = new Informer(client, options, queue).run(both);
  try {
    yield* queue.read(signal);
  } finally {
    ended.abort();
    await running;
  }
}

class Informer<Raw extends KubeObject, Kept> {
  readonly #client: KubeClient;
  readonly #options: InformerOptions<Raw, Kept>;
  readonly #queue: KeyedQueue<InformerEvent<Kept>>;
  readonly #timing: InformerTiming;
  readonly #heartbeat: Heartbeat;
  readonly #clock: Clock;
  readonly #random: () => number;
  #entries = new Map<string, Entry<Kept>>();
  #status: InformerStatus = { state: 'syncing' };
  /** Where the next watch starts. */
  #resourceVersion = '';
  #listedAt = 0;
  /** `performance.now()` of the last list that was answered. */
  #heardAt = 0;
  #failures = 0;

  constructor(client: KubeClient, options: InformerOptions<Raw, Kept>, queue: KeyedQueue<InformerEvent<Kept>>) {
    this.#client = client;
    this.#options = options;
    this.#queue = queue;
    this.#timing = { ...TIMING, ...options.timing };
    this.#clock = options.clock ?? systemClock;
    this.#random = options.random ?? Math.random;
    this.#heartbeat = options.heartbeat ?? new Heartbeat(client);
  }

  async run(signal: AbortSignal): Promise<void> {
    this.#queue.push({ kind: 'status', status: this.#status });
    while (!signal.aborted) {
      // From the first byte of a request on: also one that is never answered.
      const lost = new AbortController();
      const leave = this.#heartbeat.join((error) => lost.abort(error));
      const alive = AbortSignal.any([signal, lost.signal]);
      let failure: KubeError | undefined;
      try {
        if (this.#status.state !== 'live' || this.#isDue()) await this.#list(alive);
        await this.#watch(alive);
      } catch (thrown) {
        failure = KubeError.from(thrown);
      }
      leave();
      if (failure !== undefined && !signal.aborted) await this.#failed(failure, signal);
    }
  }

  #isDue(): boolean {
    return this.#listedAt === 0 || performance.now() - this.#listedAt > this.#timing.resyncMs;
  }

  async #failed(error: KubeError, signal: AbortSignal): Promise<void> {
    this.#failures += 1;
    const waitMs = backoff(this.#failures - 1, this.#random, 200, this.#timing.backoffMaxMs);
    if (error.reason === 'unreachable') this.#listedAt = 0;
    if (this.#isNothing(error)) return pause(error.reason === 'busy' ? (error.retryAfterMs ?? waitMs) : 0, signal);
    // What happened since is not known any more: list again, at once the first time.
    if (error.reason !== 'busy') this.#listedAt = 0;
    if (error.reason === 'expired' && this.#failures === 1) return;
    this.#lost(error);
    await pause(Math.max(waitMs, error.retryAfterMs ?? 0), signal);
  }

  /**
   * While live, one lost connection is nothing yet: the next try is at once. But it begins with a list: the server may have come
   * back without its data, and a watch from a revision that it has not reached would be accepted and silent. Neither is a
   * server that asks for patience: listing everything would be the opposite of that.
   */
  #isNothing(error: KubeError): boolean {
    if (this.#status.state !== 'live') return false;
    if (error.reason === 'busy') return this.#failures <= PATIENCE;
    return this.#failures === 1 && error.reason === 'unreachable' && error.status === undefined;
  }

  #lost(error: KubeError): void {
    const before = this.#status;
    const since = before.state === 'stale' ? before.since : this.#lastWord();
    if (before.state === 'stale' && before.error.message === error.message) return;
    this.#say({ state: 'stale', since, error });
  }

  /** An answer to the heartbeat, or the list. */
  #lastWord(): number {
    const now = this.#clock.now();
    if (this.#status.state !== 'live') return now;
    return now - Math.min(performance.now() - this.#heardAt, this.#heartbeat.silentMs ?? Number.POSITIVE_INFINITY);
  }

  async #list(signal: AbortSignal): Promise<void> {
    const { resource, keep } = this.#options;
    const next = new Map<string, Entry<Kept>>();
    let resourceVersion = '';
    for await (const page of listPages<Raw>(this.#client, resource, { ...selection(this.#options), signal })) {
      for (const [n, object] of page.items.entries()) {
        if (n % STEP === STEP - 1) await ownTurn(); // several lists are read at once
        const key = objectKey(object);
        const known = this.#entries.get(key);
        const version = object.metadata.resourceVersion ?? '';
        // An unchanged object keeps its identity: readers compare by it.
        const kept = known?.resourceVersion === version ? known.kept : this.#settled(known, keep(object, known?.kept));
        if (kept !== undefined) next.set(key, { resourceVersion: version, kept });
      }
      resourceVersion = page.resourceVersion;
    }
    const before = this.#entries;
    this.#entries = next;
    this.#resourceVersion = resourceVersion;
    this.#listedAt = performance.now();
    this.#heardAt = this.#listedAt;
    this.#failures = 0;
    this.#tellList(before, next);
  }

  /** Removals are told by a complete list only, so that the reader can judge how many they are. */
  #tellList(before: ReadonlyMap<string, Entry<Kept>>, next: ReadonlyMap<string, Entry<Kept>>): void {
    const wasLive = this.#status.state === 'live';
    if (!wasLive || lacksSome(next, before)) {
      const objects = new Map<string, Kept>();
      for (const [key, { kept }] of next) objects.set(key, kept);
      this.#queue.clear(); // a slow reader need not see what is over
      this.#queue.push({ kind: 'snapshot', objects });
      this.#say({ state: 'live' });
      return;
    }
    for (const [key, { kept }] of next) {
      if (before.get(key)?.kept !== kept) this.#queue.push({ kind: 'upsert', key, object: kept }, key);
    }
  }

  async #watch(signal: AbortSignal): Promise<void> {
    const { resource } = this.#options;
    const began = performance.now();
    const lifetimeMs = jittered(this.#timing.lifetimeMs, this.#random);
    const events = watchObjects<Raw>(this.#client, resource, {
      ...selection(this.#options),
      resourceVersion: this.#resourceVersion,
      lifetimeMs,
      stallMs: this.#timing.stallMs,
      signal,
    });
    for await (const event of events) {
      if (event.kind === 'bookmark') this.#resourceVersion = event.resourceVersion;
      else {
        this.#resourceVersion = event.object.metadata.resourceVersion ?? this.#resourceVersion;
        this.#apply(event.kind, event.object);
      }
      this.#failures = 0;
    }
    const lasted = performance.now() - began;
    // Before its time only a server that stops ends it in order: as above.
    if (lasted < lifetimeMs - EARLY_MS) this.#listedAt = 0;
    if (lasted > SHORT_WATCH_MS) this.#failures = 0;
    else await pause(backoff((this.#failures += 1), this.#random, 100, this.#timing.backoffMaxMs), signal);
  }

  #apply(kind: 'put' | 'deleted', object: Raw): void {
    const key = objectKey(object);
    const known = this.#entries.get(key);
    const kept = kind === 'put' ? this.#settled(known, this.#options.keep(object, known?.kept)) : undefined;
    if (kept !== undefined) {
      this.#entries.set(key, { resourceVersion: object.metadata.resourceVersion ?? '', kept });
      if (kept !== known?.kept) this.#queue.push({ kind: 'upsert', key, object: kept }, key);
    } else if (known !== undefined) {
      this.#entries.delete(key);
      this.#queue.push({ kind: 'remove', key }, key);
    }
  }

  /** What was kept before, if the new one says the same. */
  #settled(known: Entry<Kept> | undefined, kept: Kept | undefined): Kept | undefined {
    if (known === undefined || kept === undefined) return kept;
    return this.#options.same?.(known.kept, kept) === true ? known.kept : kept;
  }

  #say(status: InformerStatus): void {
    this.#status = status;
    this.#queue.pushOver({ kind: 'status', status }, (last) => last.kind === 'status');
  }
}

function lacksSome(now: ReadonlyMap<string, unknown>, before: ReadonlyMap<string, unknown>): boolean {
  for (const key of before.keys()) if (!now.has(key)) return true;
  return false;
}

type Selection = Pick<ListOptions, 'namespace' | 'labelSelector' | 'fieldSelector'>;

function selection({ namespace, labelSelector, fieldSelector }: Selection): Selection {
  return {
    ...(namespace === undefined ? {} : { namespace }),
    ...(labelSelector === undefined ? {} : { labelSelector }),
    ...(fieldSelector === undefined ? {} : { fieldSelector }),
  };
}
