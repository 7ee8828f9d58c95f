import { MemoryLedger } from '@isthmus/ledger';
import type { LocalLedger } from '@isthmus/ledger';
import type { MeshHost } from '@isthmus/model';
import { AgentTargets, NO_CALLS, NO_VIEWS, readMigrations } from '@isthmus/plans';
import type { AgentPresence, FleetChange, ProviderWindow, Subscribers, TargetEvidence, WrittenMigration } from '@isthmus/plans';
import { specify } from '../plan-changes.ts';
import type { Change, Refused } from '../plan-changes.ts';
import { Plans } from '../plans.ts';
import type { PlansParts } from '../plans.ts';
import type { TargetFacts } from '../target-facts.ts';

export const ORDERS: TargetFacts = {
  host: 'orders.shop' as MeshHost,
  port: 80,
  addresses: ['10.0.0.7:8080'],
  sdkNames: ['nacos/public/DEFAULT_GROUP/orders'],
  registrations: [],
  elsewhere: 1,
};

/** Steps of ten minutes each: `shadow`, then 5 % of `traffic`. */
export const TWO_STEPS = '{ rung: shadow, for: 10m }, { rung: traffic, percent: 5, for: 10m }';

export const WEB: AgentPresence = { service: 'web', instance: 'web-1', connected: true, acknowledged: true };

/** Plans on a ledger in memory, with a clock, timers and a fleet that a test moves. */
export class PlanWorld {
  now = 1_000_000;
  totals: TargetEvidence = { arms: { sdk: NO_CALLS, mesh: NO_CALLS }, views: NO_VIEWS };
  agents: readonly AgentPresence[] = [WEB];
  providers: readonly ProviderWindow[] = [];
  facts: TargetFacts | undefined = ORDERS;
  subscribers: Subscribers = { kind: 'untold', registry: 'shop' };
  lossy: readonly string[] = [];
  timeoutMs: number | undefined;
  asked = 0;
  readonly book = new AgentTargets();
  readonly ledger: LocalLedger;
  readonly plans: Plans;
  readonly #waits = new Map<() => void, number>();
  readonly #fleet = new Set<(change: FleetChange) => void>();

  /** @param facts what is known of the target when it starts */
  constructor(ledger: LocalLedger = memoryLedger(), ...facts: readonly [facts?: TargetFacts | undefined]) {
    this.ledger = ledger;
    if (facts.length > 0) [this.facts] = facts;
    const parts: PlansParts = {
      ledger,
      book: this.book,
      clock: { now: () => this.now },
      fleet: {
        evidenceOf: () => this.totals,
        agentsOf: () => this.agents,
        providersOf: () => this.providers,
        onChange: (listener) => {
          this.#fleet.add(listener);
          return () => this.#fleet.delete(listener);
        },
      },
      after: (ms, call) => {
        this.#waits.set(call, this.now + ms);
        return () => this.#waits.delete(call);
      },
      factsOf: () => this.facts,
      listedOf: ({ source }) => this.facts?.registrations.find(({ key }) => key.source === source)?.listed,
      subscribersOf: () => {
        this.asked += 1;
        return Promise.resolve(this.subscribers);
      },
      lossyOf: () => this.lossy,
      timeoutOf: () => this.timeoutMs,
      log: () => undefined,
    };
    this.plans = new Plans(parts);
  }

  /** When the plans look again by themselves, ms from now; sorted. */
  get waits(): readonly number[] {
    return [...this.#waits.values()].map((at) => at - this.now).sort((a, b) => a - b);
  }

  /** Lets time go on, with every timer at its time. */
  pass(ms: number): void {
    const end = this.now + ms;
    for (;;) {
      const [next] = [...this.#waits].sort((a, b) => a[1] - b[1]);
      if (next === undefined || next[1] > end) break;
      this.#waits.delete(next[0]);
      this.now = Math.max(this.now, next[1]);
      next[0]();
    }
    this.now = end;
  }

  reports(service = 'web'): void {
    for (const listener of this.#fleet) listener({ service, targets: 'all' });
  }

  /** @throws Error where the plan is refused */
  apply(text: string): void {
    const change = specify(this.plans, planOf(text), 'api');
    if ('refused' in change) throw new Error(change.refused);
    change.write?.();
  }

  /** `shadow 100`, as agents of a service are told. */
  told(service = 'web'): string | undefined {
    const [target] = this.book.targetsFor(service);
    return target === undefined ? undefined : `${target.rung} ${target.percent}`;
  }
}

/** What a command or a write is refused with. */
export function refusal(change: Change | Refused): string | undefined {
  return 'refused' in change ? change.refused : undefined;
}

export function planOf(text: string): WrittenMigration {
  const { plans, problems } = readMigrations('plan.yaml', Buffer.from(text));
  if (plans[0] === undefined) throw new Error(problems.map(({ what }) => what).join('\n'));
  return plans[0];
}

export function planText(name: string, steps: string, { consumers = '[web]', target = 'orders.shop', more = '' } = {}): string {
  return `apiVersion: isthmus.dev/v1alpha1
kind: Migration
metadata: { name: ${name} }
spec: { target: ${target}, consumers: ${consumers}, steps: [${steps}]${more} }
`;
}

export function memoryLedger(): LocalLedger {
  return Object.assign(new MemoryLedger(), {
    diagnostics: [],
    flush: () => Promise.resolve(),
    close: () => Promise.resolve(),
  });
}
