import type { SdkViewReport, ViewEndpoint } from '@isthmus/contract';
import { viewHash } from '@isthmus/ladder';
import type { Consumers, TargetId, ViewTotals } from './fleet-view.ts';
import { compareViews, placeOf } from './shadow.ts';
import type { ViewComparison, ViewDifference } from './shadow.ts';
import { counted, follow } from './shadow-window.ts';
import type { ViewHistory } from './shadow-window.ts';

/** Processes × targets that are followed; of further ones nothing is counted. */
const MOST_PAIRS = 100_000;
/** Different views of one target that are kept; agents that see a further one are not compared until another goes. */
const MOST_VIEWS = 64;
/** Places that left the mesh's view of one target and are remembered. */
const MOST_LEFT = 256;

export interface ShadowReport {
  readonly service: string;
  readonly instance: string;
  readonly target: TargetId;
  readonly windowMs: number;
  readonly view: SdkViewReport;
}

/** What a group of processes that differ in the same from the mesh differs in. */
export interface StandingDivergence {
  readonly difference: ViewDifference;
  /** Since when the longest of them does, ms of the book's clock. */
  readonly since: number;
  /** It counts: it is older than the window. */
  readonly counts: boolean;
  /** `service/instance`, at most 20, sorted. */
  readonly seenBy: readonly string[];
  readonly processes: number;
  /** Codes of client bugs that these processes reported. */
  readonly bugs: readonly string[];
}

interface Pair {
  readonly service: string;
  readonly process: string;
  readonly windowMs: number;
  readonly hash: string;
  readonly bugs: readonly string[];
  readonly history: ViewHistory | undefined;
}

interface Target {
  mesh: { readonly endpoints: readonly ViewEndpoint[]; readonly hash: string } | undefined;
  /** Of SDKs, by hash. */
  readonly views: Map<string, readonly ViewEndpoint[]>;
  /** With the mesh's present view, by hash of the SDK's. */
  readonly compared: Map<string, ViewComparison>;
  readonly pairs: Map<string, Pair>;
  readonly totals: Map<string, { comparisons: number; matched: number; union: number }>;
  /** When a place last left the mesh's view. */
  readonly left: Map<string, number>;
}

/**
 * Compares what SDKs see with what the mesh sees, from the reports of agents and the bridge's own views: equal views are compared once,
 * however many processes have them, and a view is asked for in full once. Bounded; asks no registry anything.
 */
export class ShadowBook {
  readonly #now: () => number;
  readonly #targets = new Map<string, Target>();
  #pairs = 0;

  /** @param now milliseconds since the epoch */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** The mesh's view of a target is this now; to be called for the targets that are at `shadow` or above. */
  mesh(target: TargetId, endpoints: readonly ViewEndpoint[]): void {
    const entry = this.#target(target);
    const hash = viewHash(endpoints);
    if (entry.mesh?.hash === hash) return;
    const now = this.#now();
    const places = new Set(endpoints.map(placeOf));
    for (const at of entry.mesh?.endpoints.map(placeOf) ?? []) if (!places.has(at)) remember(entry.left, at, now);
    for (const at of places) entry.left.delete(at);
    entry.mesh = { endpoints, hash };
    entry.compared.clear();
    for (const [key, pair] of entry.pairs) this.#follow(entry, key, pair, now);
  }

  /** A process said what its SDK sees. @returns whether its endpoints are wanted: nobody has told them yet */
  report({ service, instance, target, windowMs, view }: ShadowReport): { readonly ask: boolean } {
    const entry = this.#target(target);
    const { hash, endpoints, bugs = [] } = view;
    if (endpoints !== undefined && !entry.views.has(hash) && viewHash(endpoints) === hash) {
      if (entry.views.size >= MOST_VIEWS) forgetUnused(entry);
      if (entry.views.size < MOST_VIEWS) entry.views.set(hash, endpoints);
    }
    const key = `${service}/${instance}`;
    const before = entry.pairs.get(key);
    if (before === undefined && this.#pairs >= MOST_PAIRS) return { ask: false };
    if (before === undefined) this.#pairs += 1;
    const now = this.#now();
    const pair = this.#follow(entry, key, { service, process: key, windowMs, hash, bugs, history: before?.history }, now);
    if (pair.history !== undefined) count(entry, pair, pair.history, now);
    return { ask: !entry.views.has(hash) && entry.views.size < MOST_VIEWS };
  }

  /** A process is gone: what its SDK saw is nobody's view any more. */
  gone(service: string, instance: string): void {
    const key = `${service}/${instance}`;
    for (const entry of this.#targets.values()) if (entry.pairs.delete(key)) this.#pairs -= 1;
  }

  /** A target that no plan has at `shadow` or above any more. */
  forget(target: TargetId): void {
    this.#pairs -= this.#targets.get(keyOf(target))?.pairs.size ?? 0;
    this.#targets.delete(keyOf(target));
  }

  /** Of all comparisons since the book began; they only grow. */
  totalsOf(target: TargetId, consumers: Consumers): ViewTotals {
    const totals = this.#targets.get(keyOf(target))?.totals ?? new Map<string, ViewTotals>();
    const wanted = consumers.includes('*')
      ? [...totals.values()]
      : [...new Set(consumers)].flatMap((name) => totals.get(name) ?? []);
    const sum = (of: (one: ViewTotals) => number): number => wanted.reduce((all, one) => all + of(one), 0);
    return { comparisons: sum((one) => one.comparisons), matched: sum((one) => one.matched), union: sum((one) => one.union) };
  }

  /** Targets of which some SDK has told its view. */
  targets(): readonly TargetId[] {
    return [...this.#targets].filter(([, { pairs }]) => pairs.size > 0).map(([key]) => targetOf(key));
  }

  /** What differs now, those included that are younger than the window. Sorted by place. */
  standing(target: TargetId): {
    readonly processes: number;
    /** Services whose processes they are, sorted. */
    readonly services: readonly string[];
    /** The longest of theirs. */
    readonly windowMs: number;
    readonly similarity: ViewTotals;
    readonly divergences: readonly StandingDivergence[];
  } {
    const entry = this.#targets.get(keyOf(target));
    const found = new Map<
      string,
      { difference: ViewDifference; since: number; counts: boolean; seenBy: string[]; bugs: Set<string> }
    >();
    const now = this.#now();
    let matched = 0;
    let union = 0;
    let processes = 0;
    let longest = 0;
    const services = new Set<string>();
    for (const { service, process, windowMs, history, bugs } of entry?.pairs.values() ?? []) {
      if (history === undefined) continue;
      const view = counted(history, now, windowMs);
      processes += 1;
      longest = Math.max(longest, windowMs);
      services.add(service);
      matched += view.matched;
      union += view.union;
      for (const { difference, since } of history.standing.values()) {
        const key = JSON.stringify(difference);
        const held = found.get(key) ?? { difference, since, counts: false, seenBy: [], bugs: new Set<string>() };
        found.set(key, held);
        held.since = Math.min(held.since, since);
        held.counts ||= now - since >= windowMs;
        held.seenBy.push(process);
        for (const bug of bugs) held.bugs.add(bug);
      }
    }
    const divergences = [...found.entries()]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([, { seenBy, bugs, ...rest }]) => ({
        ...rest,
        seenBy: seenBy.sort().slice(0, 20),
        processes: seenBy.length,
        bugs: [...bugs].sort(),
      }));
    const similarity = { comparisons: processes, matched, union };
    return { processes, services: [...services].sort(), windowMs: longest, similarity, divergences };
  }

  /** When a place was last in the mesh's view of a target; undefined: it is, or it never was that is remembered. */
  leftMeshAt(target: TargetId, at: string): number | undefined {
    return this.#targets.get(keyOf(target))?.left.get(at);
  }

  #follow(entry: Target, key: string, pair: Pair, now: number): Pair {
    const sdk = entry.views.get(pair.hash);
    const next = sdk === undefined || entry.mesh === undefined ? pair : { ...pair, history: follow(pair.history, compared(entry, pair.hash, sdk, entry.mesh.endpoints), now) }; // prettier-ignore
    entry.pairs.set(key, next);
    return next;
  }

  #target(target: TargetId): Target {
    const key = keyOf(target);
    const existing = this.#targets.get(key);
    if (existing !== undefined) return existing;
    const made: Target = { mesh: undefined, views: new Map(), compared: new Map(), pairs: new Map(), totals: new Map(), left: new Map() }; // prettier-ignore
    this.#targets.set(key, made);
    return made;
  }
}

function compared(entry: Target, hash: string, sdk: readonly ViewEndpoint[], mesh: readonly ViewEndpoint[]): ViewComparison {
  const known = entry.compared.get(hash);
  if (known !== undefined) return known;
  const made = compareViews(sdk, mesh);
  entry.compared.set(hash, made);
  return made;
}

function count(entry: Target, { service, windowMs, hash }: Pair, history: ViewHistory, now: number): void {
  const { isSample, matched, union } = counted(history, now, windowMs);
  // A view that nobody has told in full yet was not compared: what is in the history is the one before.
  if (!isSample || !entry.views.has(hash)) return;
  const totals = entry.totals.get(service) ?? { comparisons: 0, matched: 0, union: 0 };
  entry.totals.set(service, totals);
  totals.comparisons += 1;
  totals.matched += matched;
  totals.union += union;
}

function forgetUnused(entry: Target): void {
  const used = new Set([...entry.pairs.values()].map(({ hash }) => hash));
  for (const hash of entry.views.keys()) {
    if (used.has(hash)) continue;
    entry.views.delete(hash);
    entry.compared.delete(hash);
  }
}

function remember(left: Map<string, number>, at: string, now: number): void {
  left.delete(at);
  left.set(at, now);
  for (const oldest of left.keys()) {
    if (left.size <= MOST_LEFT) return;
    left.delete(oldest);
  }
}

function keyOf({ host, port }: TargetId): string {
  return `${host}:${port}`;
}

function targetOf(key: string): TargetId {
  const colon = key.lastIndexOf(':');
  return { host: key.slice(0, colon), port: Number(key.slice(colon + 1)) };
}
