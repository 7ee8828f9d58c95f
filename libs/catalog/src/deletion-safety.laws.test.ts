import { MemoryLedger } from '@isthmus/ledger';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { DEFAULT_GUARD } from './removal-guard.ts';
import { endpoint, record, snapshotOf } from './testing/records.ts';
import { WatchedCatalog } from './testing/watched-catalog.ts';

/** Small enough for sequences to reach it. */
const GUARD = { ...DEFAULT_GUARD, minEndpoints: 3, flap: { ...DEFAULT_GUARD.flap, count: 0 } };
const NAMES = ['p', 'q', 'r', 's'] as const;
type Listing = ReadonlyMap<string, readonly number[]>;

type Step =
  | { readonly do: 'read'; readonly listing: Listing }
  | { readonly do: 'upsert'; readonly name: string; readonly ports: readonly number[] }
  | { readonly do: 'remove'; readonly name: string }
  | { readonly do: 'live' | 'stale' | 'partial' | 'restart' | 'release' }
  | { readonly do: 'wait'; readonly seconds: number }
  /** Somebody sets the clock, or the process was stopped. */
  | { readonly do: 'jump'; readonly seconds: number };

/**
 * The rules of docs/adr/0011-deletion-safety.md, written down once more as plainly as can be: sets of `name port`, and a walk over
 * all of them for everything.
 */
class Reference {
  said = new Set<string>();
  /** Since when, in watched time, an endpoint that is not listed waits. */
  readonly retained = new Map<string, number>();
  state: 'syncing' | 'live' | 'partial' | 'stale' = 'syncing';
  #sizes: { at: number; most: number }[] = [];
  /** What was most when it began to hold. */
  #heldMost = 0;
  #watched = 0;
  #watchedFrom = 0;
  #looked: number;

  constructor(now: number) {
    this.#looked = now;
  }

  get published(): Set<string> {
    return this.said.union(new Set(this.retained.keys()));
  }

  look(now: number): void {
    this.#watched += Math.min(Math.max(now - this.#looked, 0), 5_000);
    this.#looked = now;
  }

  status(state: Reference['state'], now: number): void {
    this.look(now);
    const follows = (s: Reference['state']): boolean => s === 'live' || s === 'partial';
    if (this.state !== state && !(follows(this.state) && follows(state))) this.#watchedFrom = this.#watched;
    this.state = state;
  }

  change(name: string, ports: readonly number[], now: number): void {
    this.look(now);
    const mine = (id: string) => id.startsWith(`${name} `);
    const listed = new Set(ports.map((port) => `${name} ${port}`));
    const before = this.published;
    const lost = [...before].filter((id) => mine(id) && !listed.has(id) && !this.retained.has(id));
    const added = [...listed].filter((id) => !before.has(id)).length;
    const most = lost.length === 0 ? 0 : this.#most(now, before.size);
    const isMass = lost.length > 0 && this.#tooMuch(most - (before.size - lost.length + added), most);
    for (const id of listed) this.retained.delete(id);
    if (isMass) for (const id of lost) this.retained.set(id, this.#watched);
    if (isMass) this.#heldMost = most;
    if (this.retained.size === 0) this.#heldMost = 0;
    this.said = new Set([...[...this.said].filter((id) => !mine(id)), ...listed]);
  }

  read(listing: Listing, now: number): void {
    this.look(now);
    const listed = new Set([...listing].flatMap(([name, ports]) => ports.map((port) => `${name} ${port}`)));
    const follows = this.state === 'live' || this.state === 'partial';
    const due = [...this.retained.keys()].filter((id) => follows && !listed.has(id) && this.#isDue(id));
    for (const id of due) this.retained.delete(id);
    if (due.length > 0) this.#anew();
    const before = this.published;
    const most = this.#most(now, before.size);
    const removing = [...before].filter((id) => !listed.has(id));
    const services = new Set([...before].map((id) => id.split(' ')[0])).size;
    const emptied = listed.size === 0 && services > 1;
    const isMass =
      removing.length > 0 && (emptied || this.#tooMuch(removing.length, before.size) || this.#tooMuch(most - listed.size, most));
    for (const id of before) {
      if (listed.has(id)) this.retained.delete(id);
      else if (isMass && !this.retained.has(id)) this.retained.set(id, this.#watched);
    }
    if (isMass) this.#heldMost = most;
    if (this.retained.size === 0) this.#heldMost = 0;
    this.said = listed;
  }

  tick(now: number): void {
    this.look(now);
    if (this.state !== 'live') return;
    const due = [...this.retained.keys()].filter((id) => this.#isDue(id));
    for (const id of due) this.retained.delete(id);
    if (due.length > 0) this.#anew();
  }

  release(): void {
    if (this.retained.size > 0) this.#anew();
    this.retained.clear();
  }

  restart(now: number): void {
    this.#watched = 0;
    this.#watchedFrom = 0;
    this.#looked = now;
    this.#sizes = [];
    for (const id of this.retained.keys()) this.retained.set(id, 0);
    this.state = this.published.size > 0 ? 'stale' : 'syncing';
  }

  #anew(): void {
    this.#sizes = [];
    this.#heldMost = 0;
  }

  #isDue(id: string): boolean {
    return this.#watched - Math.max(this.retained.get(id) ?? 0, this.#watchedFrom) >= GUARD.confirmAfterMs;
  }

  #most(now: number, size: number): number {
    const last = this.#sizes.at(-1);
    if (last !== undefined && now < last.at + GUARD.windowMs / 12) last.most = Math.max(last.most, size);
    else this.#sizes.push({ at: now, most: size });
    const inWindow = this.#sizes.slice(-12).filter(({ at }) => at > now - GUARD.windowMs);
    return Math.max(size, this.#heldMost, ...inWindow.map(({ most }) => most));
  }

  #tooMuch(lost: number, of: number): boolean {
    return lost > GUARD.minEndpoints && lost * 100 > of * GUARD.maxRemovalPercent;
  }
}

function play(made: WatchedCatalog, model: Reference, step: Step): void {
  const { clock } = made;
  const service = (name: string, ports: readonly number[]) =>
    record(
      name,
      ports.map((port) => endpoint({ port })),
    );
  switch (step.do) {
    case 'read':
      made.say(snapshotOf([...step.listing].map(([name, ports]) => service(name, ports))));
      return model.read(step.listing, clock.time);
    case 'upsert':
      made.say({ kind: 'upsert', service: service(step.name, step.ports) });
      return model.change(step.name, step.ports, clock.time);
    case 'remove':
      made.remove(step.name);
      return model.change(step.name, [], clock.time);
    case 'live':
    case 'partial':
      made.status({ state: step.do, cause: 'a test' } as never);
      return model.status(step.do, clock.time);
    case 'stale':
      made.status({ state: 'stale', since: clock.time, cause: 'a test' });
      return model.status('stale', clock.time);
    case 'restart':
      made.restart();
      return model.restart(clock.time);
    case 'release':
      if ([...made.catalog.scopes()].length > 0) made.release();
      return model.release();
    case 'wait':
      for (let n = 0; n < step.seconds; n += 1) {
        made.wait(1_000);
        model.tick(clock.time);
      }
      return;
    case 'jump':
      clock.time += step.seconds * 1_000;
      return;
    default:
      step satisfies never;
  }
}

function publishedBy(made: WatchedCatalog): readonly string[] {
  return NAMES.flatMap((name) => made.ports(name).map((port) => `${name} ${port}`)).sort();
}

const ports = fc.uniqueArray(fc.integer({ min: 1, max: 8 }), { maxLength: 8 });
const name = fc.constantFrom(...NAMES);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.array(fc.tuple(name, ports), { maxLength: 4 }).map((l): Step => ({ do: 'read', listing: new Map(l) })),
  },
  { weight: 4, arbitrary: fc.tuple(name, ports).map(([n, p]): Step => ({ do: 'upsert', name: n, ports: p })) },
  { weight: 4, arbitrary: name.map((n): Step => ({ do: 'remove', name: n })) },
  { weight: 3, arbitrary: fc.constant<Step>({ do: 'live' }) },
  { weight: 3, arbitrary: fc.constantFrom<Step>({ do: 'stale' }, { do: 'partial' }, { do: 'restart' }, { do: 'release' }) },
  { weight: 4, arbitrary: fc.integer({ min: 1, max: 40 }).map((seconds): Step => ({ do: 'wait', seconds })) },
  { weight: 1, arbitrary: fc.integer({ min: -7_200, max: 7_200 }).map((seconds): Step => ({ do: 'jump', seconds })) },
);

describe('law', () => {
  test('what is published is what the reference publishes, whatever the registry, the operator and the clock do', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const made = new WatchedCatalog(new MemoryLedger(), { guard: GUARD });
        const model = new Reference(made.clock.time);
        for (const s of steps) {
          play(made, model, s);
          expect(publishedBy(made)).toEqual([...model.published].sort());
        }
      }),
      { numRuns: 1_000 },
    );
  });

  test('nothing that lives is deleted, and nothing dead is kept once its registry was followed for half a minute', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const made = new WatchedCatalog(new MemoryLedger());
        const model = new Reference(made.clock.time); // only what is listed counts here
        for (const s of steps) {
          play(made, model, s);
          expect([...model.said].filter((id) => !publishedBy(made).includes(id))).toEqual([]);
        }
        // Flaps wait a minute at most.
        made.status({ state: 'live' }).wait(61_000);
        expect(publishedBy(made)).toEqual([...model.said].sort());
        expect([...made.ledger.entries('held'), ...made.ledger.entries('retained')]).toEqual([]);
      }),
      { numRuns: 500 },
    );
  });

  test('a restart changes nothing of what is published, and an outage neither', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 20 }), (steps) => {
        const made = new WatchedCatalog(new MemoryLedger(), { guard: GUARD });
        const model = new Reference(made.clock.time);
        for (const s of steps) play(made, model, s);
        const before = publishedBy(made);
        made.restart().status({ state: 'stale', since: made.clock.time, cause: 'a test' }).wait(120_000);
        expect(publishedBy(made)).toEqual(before);
      }),
      { numRuns: 200 },
    );
  });
});
