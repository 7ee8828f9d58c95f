import type { AgentPlan } from '@isthmus/contract';
import { START, bucketOf, bucketOfCall, dialsSidecar, isInShare, rungBelow, step } from '@isthmus/ladder';
import type { LadderState, Rung } from '@isthmus/ladder';
import { EMPTY_TABLE, SDK, find, tableOf } from './decision-table.ts';
import type { AmbiguousEntry, Decision, DecisionTable, TargetEntry } from './decision-table.ts';
import type { Diagnostics } from './diagnostics.ts';
import { keyOf } from './sticky.ts';
import type { HeaderReader } from './sticky.ts';

/** Where a target is: for people, and for the control plane. */
export interface TargetView {
  readonly target: string;
  readonly desired: Rung;
  readonly effective: Rung;
  readonly percent: number;
}

/** What the agent cannot do yet counts as the rung below: `shadow` and `discovery` behave as the SDK alone. */
const SUPPORTED: ReadonlySet<Rung> = new Set<Rung>(['sdk', 'traffic', 'resilience', 'retired']);

/** Whose call is this, and which way does it go: the plan's table, and how far each target is up the ladder. */
export class Decider {
  readonly #diagnostics: Diagnostics;
  readonly #ladders = new Map<string, LadderState>();
  #table: DecisionTable = EMPTY_TABLE;
  #ready: (authority: string) => boolean = () => false;

  constructor(diagnostics: Diagnostics) {
    this.#diagnostics = diagnostics;
  }

  get version(): string {
    return this.#table.version;
  }

  /** Some target's calls are to go through the sidecar when it is well. */
  get wantsSidecar(): boolean {
    return this.#table.targets.some(({ desired }) => dialsSidecar(desired.rung));
  }

  /** Targets that want the sidecar, as `host:port`. */
  get wanted(): readonly string[] {
    return this.#table.targets.filter(({ desired }) => dialsSidecar(desired.rung)).map(({ authority }) => authority);
  }

  /** The plan in force from the next call on, all of its targets at once. */
  adopt(plan: AgentPlan): void {
    const table = tableOf(plan);
    const before = new Map(this.#table.targets.map((target) => [target.authority, target]));
    for (const target of table.targets) {
      target.calls = before.get(target.authority)?.calls ?? 0;
      const ladder = this.#ladders.get(target.authority) ?? START;
      this.#settle(target, step(ladder, { kind: 'desire', position: target.desired }));
    }
    const named = new Set(table.targets.map(({ authority }) => authority));
    for (const authority of this.#ladders.keys()) if (!named.has(authority)) this.#ladders.delete(authority);
    this.#table = table;
  }

  /** @param ready whether the sidecar can take the calls of a target; asked again at each change */
  judge(ready: (authority: string) => boolean): void {
    this.#ready = ready;
    for (const target of this.#table.targets) this.#settle(target, this.#ladders.get(target.authority) ?? START);
  }

  /**
   * The way of one call; makes nothing that is to be collected.
   * @param host as the client has it, an address or a name; @param read reads a header of `carrier`, for calls that stick
   */
  decide(host: string, port: number, read?: HeaderReader, carrier?: unknown): Decision {
    const entry = find(this.#table, host, port);
    if (entry === undefined) return SDK;
    if (entry.kind === 'ambiguous') return this.#ambiguous(entry);
    if (entry.percent === 100) return entry.inShare;
    const key = entry.sticky === undefined || read === undefined ? undefined : keyOf(entry.sticky, read, carrier);
    const bucket =
      key === undefined ? bucketOfCall(entry.salt, (entry.calls = (entry.calls + 1) | 0)) : bucketOf(entry.salt, key);
    return isInShare(bucket, entry.percent) ? entry.inShare : entry.rest;
  }

  view(): readonly TargetView[] {
    return this.#table.targets.map(({ authority, desired }) => {
      const { effective } = this.#ladders.get(authority) ?? START;
      return { target: authority, desired: desired.rung, effective: supported(effective.rung), percent: effective.percent };
    });
  }

  #settle(target: TargetEntry, ladder: LadderState): void {
    const highest: Rung = this.#ready(target.authority) ? 'retired' : 'discovery';
    const next = step(ladder, { kind: 'ready', highest });
    this.#ladders.set(target.authority, next);
    const { rung, percent } = next.effective;
    target.inShare = decisionOf(target, supported(rung));
    target.rest = decisionOf(target, supported(rungBelow(rung)));
    target.percent = percent;
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

function supported(rung: Rung): Rung {
  return SUPPORTED.has(rung) ? rung : supported(rungBelow(rung));
}

function decisionOf(target: TargetEntry, rung: Rung): Decision {
  return dialsSidecar(rung) ? { kind: 'sidecar', rung, authority: target.authority } : SDK;
}
