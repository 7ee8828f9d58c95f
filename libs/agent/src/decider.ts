import type { AgentPlan } from '@isthmus/contract';
import {
  MARK_HEADER,
  POLICIES,
  START,
  bucketOf,
  bucketOfCall,
  dialsSidecar,
  isInShare,
  keptBy,
  markOf,
  rankOf,
  rungBelow,
  step,
} from '@isthmus/ladder';
import type { LadderState, Policy, Rung } from '@isthmus/ladder';
import type { TargetPlace } from './client-access.ts';
import type { ArmCounts } from './control/arm-counts.ts';
import { EMPTY_TABLE, SDK, addressesOf, find, findByName, tableOf } from './decision-table.ts';
import type { AmbiguousEntry, Decision, DecisionTable, TargetEntry } from './decision-table.ts';
import type { Diagnostics } from './diagnostics.ts';
import { placedCall, wayOf } from './resilience/placed-call.ts';
import type { PlacedCall } from './resilience/placed-call.ts';
import { keyOf } from './sticky.ts';
import type { HeaderReader } from './sticky.ts';
import type { Balancer } from './views/balancer.ts';

/** Where a target is: for people, and for the control plane. */
export interface TargetView {
  readonly target: string;
  readonly desired: Rung;
  readonly effective: Rung;
  readonly percent: number;
}

/** Whose call is this, and which way does it go: the plan's table, and how far each target is up the ladder. */
export class Decider {
  readonly #diagnostics: Diagnostics;
  readonly #ladders = new Map<string, LadderState>();
  readonly #listeners = new Set<() => void>();
  #table: DecisionTable = EMPTY_TABLE;
  #ready: (authority: string) => boolean = () => false;
  /** Who picks an instance of a target; undefined: nobody but the SDK. */
  readonly #balancerOf: (authority: string) => Balancer | undefined;

  constructor(diagnostics: Diagnostics, balancerOf: (authority: string) => Balancer | undefined = () => undefined) {
    this.#diagnostics = diagnostics;
    this.#balancerOf = balancerOf;
  }

  get version(): string {
    return this.#table.version;
  }

  /** Some target's calls are to go through the sidecar when it is well. */
  get wantsSidecar(): boolean {
    return this.#table.targets.some(({ desired }) => dialsSidecar(desired.rung));
  }

  /** Some target's calls may go elsewhere than the SDK sends them. */
  get movesCalls(): boolean {
    return this.#table.targets.some(({ desired }) => rankOf(desired.rung) >= rankOf('discovery'));
  }

  /** Targets that want the sidecar, as `host:port`. */
  get wanted(): readonly string[] {
    return this.#table.targets.filter(({ desired }) => dialsSidecar(desired.rung)).map(({ authority }) => authority);
  }

  /** The plan in force from the next call on, all of its targets at once. */
  adopt(plan: AgentPlan): void {
    const table = tableOf(plan, this.#table);
    for (const target of table.targets) {
      const ladder = this.#ladders.get(target.authority) ?? START;
      this.#settle(target, step(ladder, { kind: 'desire', position: target.desired }));
    }
    const named = new Set(table.targets.map(({ authority }) => authority));
    for (const authority of this.#ladders.keys()) if (!named.has(authority)) this.#ladders.delete(authority);
    this.#table = table;
    this.#changed();
  }

  /** @param ready whether the sidecar can take the calls of a target; asked again at each change. As before where it is left out */
  judge(ready: (authority: string) => boolean = this.#ready): void {
    this.#ready = ready;
    for (const target of this.#table.targets) this.#settle(target, this.#ladders.get(target.authority) ?? START);
    this.#changed();
  }

  /** Told after each plan and each change of what is ready. @returns ends it */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** @param authority `host:port` */
  target(authority: string): TargetPlace | undefined {
    const entry = this.#table.byName.get(authority);
    if (entry === undefined) return undefined;
    const { effective } = this.#ladders.get(authority) ?? START;
    const { desired, originatesTls, counts } = entry;
    const { rung, percent } = effective;
    const table = this.#table;
    let addresses: readonly string[] | undefined;
    return {
      desired: desired.rung,
      effective: rung,
      percent,
      // Made when they are asked for: a report asks 500 targets where they are, and none for its instances.
      get addresses() {
        return (addresses ??= addressesOf(table, entry));
      },
      originatesTls,
      counts,
      balancer: this.#balancerOf(authority),
    };
  }

  /**
   * The way of one call; makes nothing that is to be collected.
   * @param host as the client has it, an address or a name; @param read reads a header of `carrier`, for calls that stick
   */
  decide(host: string, port: number, read?: HeaderReader, carrier?: unknown): Decision {
    const entry = find(this.#table, host, port);
    if (entry === undefined) return SDK;
    if (entry.kind === 'ambiguous') return this.#ambiguous(entry);
    if (host !== entry.host) entry.counts.byInstance += 1;
    const placed = placedCall(entry.authority);
    if (placed !== undefined) return wayOf(placed, entry);
    if (entry.percent === 100) return entry.inShare;
    const key = entry.sticky === undefined ? undefined : keyOf(entry.sticky, read, carrier);
    const bucket = key === undefined ? bucketOfNextCall(entry) : bucketOf(entry.salt, key);
    return isInShare(bucket, entry.percent) ? entry.inShare : entry.rest;
  }

  /**
   * A logical call before its first attempt. One whose sticky key cannot be read stays outside of the share, where the process owns
   * what it does itself; one within a call that was placed already is that call.
   * @param target a mesh host with or without port, what an SDK calls it, an instance's `address:port`, or a URL of one of these
   */
  place(target: string, read?: HeaderReader, carrier?: unknown): PlacedCall | undefined {
    const entry = findByName(this.#table, target);
    if (entry === undefined) return undefined;
    const { authority, percent, sticky, timeoutMs } = entry;
    const placed = placedCall(authority);
    if (placed !== undefined) return placed;
    let inShare = true;
    if (percent < 100 && sticky === undefined) inShare = isInShare(bucketOfNextCall(entry), percent);
    else if (percent < 100 && sticky !== undefined) {
      const key = keyOf(sticky, read, carrier);
      inShare = key !== undefined && isInShare(bucketOf(entry.salt, key), percent);
      if (key === undefined) this.#unreadable(authority);
    }
    return { authority, inShare, decision: inShare ? entry.inShare : entry.rest, timeoutMs };
  }

  /** The target of an instance, if all of its calls are the sidecar's now. */
  whollyMoved(host: string, port: number): string | undefined {
    const entry = find(this.#table, host, port);
    if (entry?.kind !== 'target' || entry.inShare.kind !== 'sidecar') return undefined;
    return entry.percent === 100 || entry.rest.kind === 'sidecar' ? entry.authority : undefined;
  }

  /** Of the plan in force, with the counts of their calls. */
  get targets(): readonly TargetEntry[] {
    return this.#table.targets;
  }

  view(): readonly TargetView[] {
    return this.#table.targets.map(({ authority, desired }) => {
      const { effective } = this.#ladders.get(authority) ?? START;
      return { target: authority, desired: desired.rung, effective: effective.rung, percent: effective.percent };
    });
  }

  #settle(target: TargetEntry, ladder: LadderState): void {
    const balancer = this.#balancerOf(target.authority);
    const next = step(ladder, { kind: 'ready', highest: this.#highest(target, balancer) });
    this.#ladders.set(target.authority, next);
    const { rung, percent, hand } = next.effective;
    target.inShare = decisionOf(target, rung, balancer, target.counts.mesh, hand);
    // What a share is compared with: the rung below, whoever picks there.
    target.rest = decisionOf(target, rungBelow(rung), balancer, target.counts.sdk);
    target.percent = percent;
  }

  /** A lost sidecar leads to the SDK, which the calls came from, and not to the rung between: it may have left for good reasons. */
  #highest({ authority, desired }: TargetEntry, balancer: Balancer | undefined): Rung {
    if (!dialsSidecar(desired.rung)) return balancer === undefined ? 'shadow' : 'discovery';
    return this.#ready(authority) ? 'retired' : 'sdk';
  }

  #changed(): void {
    for (const listener of this.#listeners) listener();
  }

  /** @param target see `place` */
  authorityOf(target: string): string | undefined {
    return findByName(this.#table, target)?.authority;
  }

  #unreadable(authority: string): void {
    this.#diagnostics.report({
      code: 'sticky-unreadable',
      where: authority,
      message:
        'what its calls stick by cannot be read where a breaker or retry loop begins, so those without it stay outside of the share',
      remedy:
        'give the wrapper `headers`, begin the call within `withStickyKey` where the share sticks by `key`, or let it stick by nothing',
    });
  }

  #ambiguous({ address, claimedBy }: AmbiguousEntry): Decision {
    this.#diagnostics.report({
      code: 'ambiguous-address',
      where: address,
      message: `${claimedBy.join(' and ')} have the same instance address, so its calls stay on the SDK`,
      remedy: 'give the services addresses or ports of their own, or leave one of them out of the plan',
    });
    return SDK;
  }
}

/** Of a call without a key: they are spread evenly. */
function bucketOfNextCall(entry: TargetEntry): number {
  entry.calls = (entry.calls + 1) | 0;
  return bucketOfCall(entry.salt, entry.calls);
}

function decisionOf(
  target: TargetEntry,
  rung: Rung,
  balancer: Balancer | undefined,
  counts: ArmCounts,
  hand: readonly Policy[] = POLICIES,
): Decision {
  const { authority, originatesTls } = target;
  if (dialsSidecar(rung)) {
    // At retired sidecars look for no mark any more, and none would take it off.
    const marks = rung === 'retired' ? NO_MARKS : marksOf(markOf(keptBy(rung, hand)));
    return { kind: 'sidecar', rung, authority, hand, marks, originatesTls, counts: target.counts.mesh };
  }
  if (rung === 'discovery' && balancer !== undefined) return { kind: 'instance', rung, authority, balancer, counts };
  return { kind: 'sdk', counts: target.counts.sdk };
}

type Marks = readonly (readonly [string, string])[];
const NO_MARKS: Marks = [];
/** One for all targets that keep the same: there are as many as sets of policies. */
const MARKS = new Map<string, Marks>();

function marksOf(kept: string): Marks {
  let marks = MARKS.get(kept);
  if (marks === undefined) MARKS.set(kept, (marks = [[MARK_HEADER, kept]]));
  return marks;
}
