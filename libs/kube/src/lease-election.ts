/**
 * One of several replicas leads: election by a `coordination.k8s.io/v1` Lease, as client-go's leader election does it
 * (https://pkg.go.dev/k8s.io/client-go/tools/leaderelection), with the same limits: it does not prevent a write that was on
 * its way when the process was paused. What must not happen twice has to carry `fence()` and be compared where it is stored.
 */
import { hostname } from 'node:os';
import { randomUUID } from 'node:crypto';
import type { Writer } from '@isthmus/model';
import type { KubeClient } from './kube-client.ts';
import { KubeError } from './kube-error.ts';
import { createObject, getObject, replaceObject } from './objects.ts';
import { jittered, pause } from './pause.ts';
import { LEASES } from './resource.ts';
import type { KubeObject } from './resource.ts';

export interface LeaseElectionOptions {
  readonly namespace: string;
  /** Of the Lease. */
  readonly name: string;
  /** Unlike every other replica's. Default: host name (in a Pod: its name) and a random part, new with each process. */
  readonly identity?: string;
  /** Others take over when the lease has not been renewed for so long. Whole seconds; default 15,000. */
  readonly durationMs?: number;
  /** The holder stops considering itself the leader so long after the beginning of its last successful renewal. Default 2/3 of `durationMs`. */
  readonly giveUpMs?: number;
  /** Time between two renewals, and between two looks of the others, ± 20 %. Default 2/15 of `durationMs`. */
  readonly everyMs?: number;
  /** Milliseconds of a clock that nobody sets. Default `performance.now`. */
  readonly monotonic?: () => number;
  /** Milliseconds since the epoch: for people who read the Lease, and to notice a machine that slept. Default `Date.now`. */
  readonly wall?: () => number;
  readonly random?: () => number;
}

/** Grows with every change of the leader: of two writers the one with the higher number is the newer. */
export interface Fence {
  readonly identity: string;
  /** `leaseTransitions` of the Lease. */
  readonly transitions: number;
}

interface Lease extends KubeObject {
  readonly spec: {
    readonly holderIdentity?: string;
    readonly leaseDurationSeconds?: number;
    readonly acquireTime?: string;
    readonly renewTime?: string;
    readonly leaseTransitions?: number;
  };
}

/** A moment on both clocks. */
interface Moment {
  readonly monotonic: number;
  readonly wall: number;
}

export class LeaseElection implements Writer {
  readonly identity: string;
  readonly #client: KubeClient;
  readonly #options: Required<Omit<LeaseElectionOptions, 'identity'>>;
  readonly #callbacks = new Set<(isWriter: boolean) => void>();
  /** The lease as last seen, and when this process first saw it like that. */
  #seen: { readonly lease: Lease; readonly at: Moment } | undefined;
  /** While it is ours: when the last successful renewal began. */
  #held: { readonly since: Moment; readonly lease: Lease } | undefined;
  #told = false;
  #problem: KubeError | undefined;

  /** @throws RangeError when the times do not leave room for one another. */
  constructor(client: KubeClient, options: LeaseElectionOptions) {
    const { durationMs = 15_000 } = options;
    this.identity = options.identity ?? `${hostname()}-${randomUUID().slice(0, 8)}`;
    this.#client = client;
    this.#options = {
      durationMs,
      giveUpMs: (durationMs * 2) / 3,
      everyMs: (durationMs * 2) / 15,
      monotonic: () => performance.now(),
      wall: () => Date.now(),
      random: Math.random,
      ...options,
    };
    const { giveUpMs, everyMs } = this.#options;
    if (durationMs % 1_000 !== 0 || !(everyMs * 1.2 < giveUpMs && giveUpMs < durationMs)) {
      throw new RangeError(
        `a lease needs whole seconds and everyMs < giveUpMs < durationMs: ${everyMs}, ${giveUpMs}, ${durationMs}`,
      );
    }
  }

  /** By our own clocks, at this moment: also right after a pause of the process, before anything could be asked. */
  isWriter(): boolean {
    return this.#held !== undefined && this.#elapsed(this.#held.since) < this.#options.giveUpMs;
  }

  onChange(callback: (isWriter: boolean) => void): () => void {
    this.#callbacks.add(callback);
    return () => void this.#callbacks.delete(callback);
  }

  /** Undefined unless this process leads. */
  fence(): Fence | undefined {
    if (this.#held === undefined || !this.isWriter()) return undefined;
    return { identity: this.identity, transitions: this.#held.lease.spec.leaseTransitions ?? 0 };
  }

  /** Whoever the Lease names; undefined when nobody, or when it was never read. It may have ended a moment ago. */
  leader(): string | undefined {
    return this.#seen?.lease.spec.holderIdentity || undefined;
  }

  /** Why the Lease cannot be read or written; undefined when it can. */
  get problem(): KubeError | undefined {
    return this.#problem;
  }

  /** Takes part until the signal aborts; then gives the lease back, so that another can lead at once. Never throws. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#try(signal);
      this.#tell();
      const next = jittered(this.#options.everyMs, this.#options.random);
      const mine = this.#held === undefined ? Infinity : this.#options.giveUpMs - this.#elapsed(this.#held.since);
      await pause(Math.max(0, Math.min(next, mine)), signal);
      this.#tell(); // the time may be over
    }
    await this.#release();
    this.#tell();
  }

  async #try(signal: AbortSignal): Promise<void> {
    // Measured before the request: whoever sees the renewal sees it later, and waits the whole duration from then.
    const since = this.#now();
    // An answer after our time is over is worth nothing, and whoever listens has to hear of the end in time.
    const left = this.#held === undefined ? 0 : this.#options.giveUpMs - this.#elapsed(this.#held.since);
    const limited = AbortSignal.any([signal, AbortSignal.timeout(Math.ceil(left > 0 ? left : this.#options.giveUpMs))]);
    try {
      const lease = await this.#takeOrRenew(limited);
      this.#problem = undefined;
      if (lease === undefined) this.#held = undefined;
      else {
        this.#see(lease);
        this.#held = { since, lease };
      }
    } catch (thrown) {
      if (signal.aborted) return;
      // A conflict means that somebody else wrote: the next look tells who. Everything else leaves our time running.
      const error = limited.aborted ? new KubeError('timeout', 'the Lease did not answer in time') : KubeError.from(thrown);
      if (error.reason === 'conflict') this.#held = undefined;
      else this.#problem = error;
    }
  }

  /** The lease when it is ours now. */
  async #takeOrRenew(signal: AbortSignal): Promise<Lease | undefined> {
    const { namespace, name } = this.#options;
    const lease = await getObject<Lease>(this.#client, LEASES, { namespace, name }, signal);
    if (lease === undefined) return createObject<Lease>(this.#client, LEASES, this.#lease(undefined), signal);
    this.#see(lease);
    const free = !lease.spec.holderIdentity || this.#isOver(lease);
    if (lease.spec.holderIdentity !== this.identity && !free) return undefined;
    return replaceObject<Lease>(this.#client, LEASES, this.#lease(lease), signal);
  }

  #see(lease: Lease): void {
    if (this.#seen?.lease.metadata.resourceVersion === lease.metadata.resourceVersion) return;
    this.#seen = { lease, at: this.#now() };
  }

  /** The other's clock is not asked: it is over when it stayed the same for its whole duration by ours. */
  #isOver(lease: Lease): boolean {
    const durationMs = (lease.spec.leaseDurationSeconds ?? 0) * 1_000;
    // Monotonic only: our own wall clock being set forward must not end somebody else's lease.
    return this.#seen !== undefined && this.#options.monotonic() - this.#seen.at.monotonic > durationMs;
  }

  #lease(before: Lease | undefined): Lease {
    const { namespace, name, durationMs, wall } = this.#options;
    const now = new Date(wall()).toISOString().replace('Z', '000Z'); // MicroTime
    const mine = before?.spec.holderIdentity === this.identity;
    return {
      metadata: { ...before?.metadata, name, namespace },
      spec: {
        holderIdentity: this.identity,
        leaseDurationSeconds: durationMs / 1_000,
        acquireTime: mine ? (before.spec.acquireTime ?? now) : now,
        renewTime: now,
        leaseTransitions: (before?.spec.leaseTransitions ?? 0) + (mine ? 0 : 1),
      },
    };
  }

  async #release(): Promise<void> {
    const held = this.#held !== undefined;
    this.#held = undefined; // before it is written: nobody may write any more
    if (!held) return;
    const { namespace, name } = this.#options;
    const signal = AbortSignal.timeout(2_000);
    try {
      // Read again: a renewal that was on its way when we ended may have been written.
      const lease = await getObject<Lease>(this.#client, LEASES, { namespace, name }, signal);
      if (lease?.spec.holderIdentity !== this.identity) return;
      const spec = { ...lease.spec, holderIdentity: '', leaseDurationSeconds: 1 };
      await replaceObject<Lease>(this.#client, LEASES, { ...lease, spec }, signal);
    } catch {
      // It cannot be given back: the others wait until its time is over.
    }
  }

  #tell(): void {
    const is = this.isWriter();
    if (is === this.#told) return;
    this.#told = is;
    for (const callback of this.#callbacks) callback(is);
  }

  #now(): Moment {
    return { monotonic: this.#options.monotonic(), wall: this.#options.wall() };
  }

  /** The monotonic clock stands still while a machine sleeps or is migrated; the wall clock does not. The larger one counts. */
  #elapsed(since: Moment): number {
    return Math.max(this.#options.monotonic() - since.monotonic, this.#options.wall() - since.wall);
  }
}
