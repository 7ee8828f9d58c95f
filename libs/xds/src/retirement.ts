import type { Clock, Resource, TypeUrl } from '@isthmus/model';
import type { ResourceView, ViewChange } from './resource-provider.ts';
import type { Timers } from './timers.ts';
import { CDS, EDS } from './type-urls.ts';

/** A stream, as far as removals depend on it. */
export interface RetirementMember {
  /** The view's listeners and routes are accepted up to this revision. */
  readonly acceptedThrough: number;
  /** These may be taken away. */
  released(names: ReadonlyMap<TypeUrl, readonly string[]>): void;
}

export interface RetirementTimes {
  /** ms after the last stream's ACK: who is just reconnecting still goes by the old routes. Default 15 s. */
  readonly grace: number;
  /** ms after which a removal waits for nobody. Default 5 min. */
  readonly most: number;
}

const RETIREMENT_TIMES: RetirementTimes = { grace: 15_000, most: 5 * 60_000 };

/** How often waiting removals are looked at, ms. Only while there are some. */
const LOOK = 1_000;

const RETIRED_TYPES: readonly TypeUrl[] = [CDS, EDS];
const NONE: ReadonlyMap<string, Resource> = new Map();

/** What one change of the view removed. */
interface Batch {
  readonly revision: number;
  readonly at: number;
  readonly names: readonly (readonly [type: TypeUrl, name: string])[];
  /** Since when everyone who was there at the removal has accepted it. Stays, whoever comes later. */
  ackedAt: number | undefined;
}

/** The lowest revision that the members have accepted who joined until a time; asked for times that rise. */
class AcceptedByThen {
  readonly #members: Iterator<[RetirementMember, number]>;
  #next: [RetirementMember, number] | undefined;
  #lowest = Infinity;

  /** `members`: with the time at which each joined, in that order. */
  constructor(members: ReadonlyMap<RetirementMember, number>) {
    this.#members = members.entries();
    this.#next = this.#members.next().value;
  }

  through(time: number): number {
    for (; this.#next !== undefined && this.#next[1] <= time; this.#next = this.#members.next().value) {
      this.#lowest = Math.min(this.#lowest, this.#next[0].acceptedThrough);
    }
    return this.#lowest;
  }
}

/**
 * The last step of make before break, over all streams of a view: a removed cluster, and its endpoints, are served on
 * until every stream of that moment has accepted listeners and routes without it, and a grace longer. Also to who connects
 * meanwhile, until it has accepted as well: a client that comes back has the routes it had. Who connects after the grace is
 * not waited for, or a fleet in which somebody always connects would keep every cluster for `most`.
 */
export class Retirement {
  readonly #view: ResourceView;
  readonly #clock: Clock;
  readonly #timers: Timers;
  readonly #times: RetirementTimes;
  /** With the time at which each joined, in that order. */
  readonly #members = new Map<RetirementMember, number>();
  readonly #retired = new Map<TypeUrl, Map<string, Resource>>();
  /** The batch that a name waits with: the last one that removed it. */
  readonly #batchOf = new Map<TypeUrl, Map<string, Batch>>();
  #batches: Batch[] = [];
  #unsubscribe: (() => void) | undefined;
  #looking = false;
  #leftAt = 0;

  constructor(view: ResourceView, clock: Clock, timers: Timers, times: RetirementTimes) {
    this.#view = view;
    this.#clock = clock;
    this.#timers = timers;
    this.#times = times;
    for (const type of RETIRED_TYPES) {
      this.#retired.set(type, new Map());
      this.#batchOf.set(type, new Map());
    }
  }

  /** Gone from the view, still served. Live. */
  resources(type: TypeUrl): ReadonlyMap<string, Resource> {
    return this.#retired.get(type) ?? NONE;
  }

  /** To be called before the stream subscribes to the view: removals are known here first. */
  join(member: RetirementMember): void {
    this.#members.set(member, this.#clock.now());
    this.#unsubscribe ??= this.#view.subscribe((change) => this.#changed(change));
  }

  leave(member: RetirementMember): void {
    this.#members.delete(member);
    if (this.#members.size > 0) return;
    this.#leftAt = this.#clock.now(); // who comes back within the grace finds what was removed meanwhile
    this.#schedule();
  }

  #changed(change: ViewChange): void {
    const names: [TypeUrl, string][] = [];
    for (const type of RETIRED_TYPES) {
      const removed = change.removed.get(type);
      const retired = this.#retired.get(type)!;
      for (const [name, resource] of change.changed.get(type) ?? []) {
        const last = removed?.get(name);
        if (resource !== undefined) retired.delete(name);
        else if (last !== undefined) {
          retired.set(name, last);
          names.push([type, name]);
        }
      }
    }
    if (names.length === 0) return;
    const batch: Batch = { revision: change.revision, at: this.#clock.now(), names, ackedAt: undefined };
    this.#batches.push(batch);
    for (const [type, name] of names) this.#batchOf.get(type)!.set(name, batch);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#looking) return;
    this.#looking = true;
    this.#timers.after(Math.min(LOOK, this.#times.grace), () => {
      this.#looking = false;
      this.#look();
    });
  }

  #look(): void {
    const now = this.#clock.now();
    const [present, returning] = [new AcceptedByThen(this.#members), new AcceptedByThen(this.#members)];
    const waiting: Batch[] = [];
    const released = new Map<TypeUrl, string[]>();
    for (const batch of this.#batches) {
      if (batch.ackedAt === undefined && present.through(batch.at) >= batch.revision) batch.ackedAt = now;
      const graceEnds = (batch.ackedAt ?? now) + this.#times.grace;
      const due = now >= graceEnds && returning.through(graceEnds) >= batch.revision;
      if (due || now - batch.at >= this.#times.most) this.#release(batch, released);
      else waiting.push(batch);
    }
    this.#batches = waiting;
    if (released.size > 0) for (const member of this.#members.keys()) member.released(released);
    const deserted = this.#members.size === 0;
    if (this.#batches.length > 0 || (deserted && now - this.#leftAt < this.#times.grace)) this.#schedule();
    else if (deserted) this.#rest();
  }

  #release(batch: Batch, released: Map<TypeUrl, string[]>): void {
    for (const [type, name] of batch.names) {
      const batches = this.#batchOf.get(type)!;
      if (batches.get(name) !== batch) continue;
      batches.delete(name);
      if (!this.#retired.get(type)!.delete(name)) continue; // it has come back
      const names = released.get(type);
      if (names === undefined) released.set(type, [name]);
      else names.push(name);
    }
  }

  #rest(): void {
    this.#unsubscribe?.();
    this.#unsubscribe = undefined;
  }
}

/** One retirement per view, for the streams of a server. */
export class Retirements {
  readonly #clock: Clock;
  readonly #timers: Timers;
  readonly #times: RetirementTimes;
  readonly #byView = new WeakMap<ResourceView, Retirement>();

  constructor(clock: Clock, timers: Timers, times: RetirementTimes = RETIREMENT_TIMES) {
    this.#clock = clock;
    this.#timers = timers;
    this.#times = times;
  }

  of(view: ResourceView): Retirement {
    let retirement = this.#byView.get(view);
    if (retirement === undefined) {
      retirement = new Retirement(view, this.#clock, this.#timers, this.#times);
      this.#byView.set(view, retirement);
    }
    return retirement;
  }
}
