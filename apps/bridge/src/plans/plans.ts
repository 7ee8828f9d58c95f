import type { LocalLedger } from '@isthmus/ledger';
import type { Clock, Diagnostic, MeshHost, ServiceKey } from '@isthmus/model';
import { advance, migrationFrom, stillListedAfter, verdictOf, withEntries, withdrawnIn } from '@isthmus/plans';
import type {
  Advance,
  AgentTargets,
  AgentPresence,
  FleetChange,
  FleetView,
  Migration,
  PlanRow,
  PlanTarget,
  StepEvidence,
  Subscribers,
} from '@isthmus/plans';
import { agentTarget, describeTarget, evidenceOf, overlapOf, serviceNamesOf } from './plan-entry.ts';
import type { PlanEntry } from './plan-entry.ts';
import { planDiagnostic } from './plan-diagnostics.ts';
import { PlanStore } from './plan-store.ts';
import { factsOfWithdrawn } from './target-facts.ts';
import type { Registration, TargetFacts } from './target-facts.ts';

export interface PlansParts {
  readonly ledger: LocalLedger;
  readonly clock: Clock;
  /** What agents are told is written here. */
  readonly book: AgentTargets;
  readonly fleet: FleetView;
  /** Calls once after so many ms; returns what ends the wait. */
  readonly after: (ms: number, call: () => void) => () => void;
  /** From the catalog, as it is now. */
  readonly factsOf: (target: PlanTarget) => TargetFacts | undefined;
  /** Instances that a registry lists; undefined: it cannot be read now. */
  readonly listedOf: (key: ServiceKey) => number | undefined;
  /** The longest that the mesh gives a call to a host, ms; undefined: it gives it all the time. */
  readonly timeoutOf: (host: MeshHost) => number | undefined;
  /** Who else subscribes a service at its registry. Never rejects. */
  readonly subscribersOf: (registration: Registration, agents: readonly AgentPresence[]) => Promise<Subscribers>;
  /** Policies that the mesh would lose or only roughly keep. */
  readonly lossyOf: (target: TargetFacts, migration: Migration) => readonly string[];
  /** Every entry of every plan's audit. */
  readonly log: (plan: string, entry: Advance['entries'][number]) => void;
}

/** Registries are asked who subscribes at most this often, and only while a plan stands before `retired`; ms. */
const ASK_EVERY_MS = 60_000;
/** `setTimeout` takes no more. */
const LONGEST_MS = 2 ** 31 - 1;

/**
 * The plans of this bridge: rows of the ledger, run by the leader, told to agents by every replica. A plan is looked at when
 * evidence comes, when its row or its target changes, and when a time that it waits for is over; nothing is polled.
 */
export class Plans {
  readonly store: PlanStore;
  readonly #parts: PlansParts;
  readonly #entries = new Map<string, PlanEntry>();
  readonly #stop: readonly (() => void)[];
  #closed = false;

  constructor(parts: PlansParts) {
    this.#parts = parts;
    this.store = new PlanStore(parts.ledger);
    this.store.onChange((name) => this.#rowChanged(name));
    this.#stop = [
      parts.fleet.onChange((change) => this.#fleetChanged(change)),
      this.store.writer.onChange(() => this.#lookAtAll()),
      () => this.store.close(),
    ];
    for (const name of this.store.names()) this.#rowChanged(name);
  }

  close(): void {
    this.#closed = true;
    for (const stop of this.#stop) stop();
    for (const { timer } of this.#entries.values()) timer?.();
  }

  /** By name. */
  all(): readonly PlanEntry[] {
    return [...this.#entries.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  get(name: string): PlanEntry | undefined {
    return this.#entries.get(name);
  }

  get now(): number {
    return this.#parts.clock.now();
  }

  /** These hosts were merged again. Costs as much as there are plans of them, and of targets by service key. */
  touch(hosts: ReadonlySet<MeshHost>): void {
    for (const entry of this.#entries.values()) {
      const target = entry.migration?.target;
      if (target === undefined) continue;
      if (target.kind === 'host' ? hosts.has(target.host) : entry.facts === undefined || hosts.has(entry.facts.host))
        this.#targetChanged(entry);
    }
  }

  factsOf(target: PlanTarget): TargetFacts | undefined {
    return this.#parts.factsOf(target);
  }

  /** Undefined: nothing is known of the target. */
  evidence(entry: PlanEntry, migration = entry.migration, facts = entry.facts): StepEvidence | undefined {
    if (migration === undefined || facts === undefined) return undefined;
    const { fleet, lossyOf, listedOf } = this.#parts;
    return evidenceOf(entry, migration, facts, { fleet, lossyOf, listedOf, now: this.now });
  }

  /** Writes what came of a step or a command. */
  take(name: string, row: Omit<PlanRow, 'status'> | undefined, { status, entries }: Advance): void {
    if (row === undefined) return;
    for (const said of entries) this.#parts.log(name, said);
    this.store.put(name, { ...row, status, audit: withEntries(row.audit, entries) });
  }

  lossyOf(facts: TargetFacts, migration: Migration): readonly string[] {
    return this.#parts.lossyOf(facts, migration);
  }

  /** The agents of its consumers; none while its target is unknown. */
  agentsOf({ facts, migration }: PlanEntry): readonly AgentPresence[] {
    return facts === undefined || migration === undefined ? [] : this.#parts.fleet.agentsOf(facts, migration.consumers);
  }

  /** Asks the registries who subscribes, so that a proof has it. */
  async askSubscribers(entry: PlanEntry): Promise<void> {
    entry.askedAt = this.now;
    const registrations = entry.facts?.registrations ?? [];
    const agents = this.agentsOf(entry);
    const asked = registrations.map((registration) => this.#parts.subscribersOf(registration, agents));
    entry.subscribers = await Promise.all(asked);
  }

  *diagnostics(): Generator<Diagnostic> {
    for (const entry of this.all()) {
      const { name, row, migration, facts, overlaps } = entry;
      if (migration === undefined) yield planDiagnostic.unreadableRow(name, row.origin);
      else if (overlaps !== undefined) yield planDiagnostic.overlap(name, overlaps, facts?.host ?? '');
      else if (facts === undefined) yield planDiagnostic.unknownTarget(name, describeTarget(migration.target));
      else if (row.status.state.kind === 'done') {
        const what = stillListedAfter(row.status, this.evidence(entry));
        if (what.length > 0) yield planDiagnostic.stillListed(name, what);
      }
    }
  }

  #rowChanged(name: string): void {
    const row = this.store.get(name);
    const before = this.#entries.get(name);
    if (row === undefined) {
      before?.timer?.();
      this.#entries.delete(name);
      this.#parts.book.delete(name);
      this.#parts.book.withdraw(name, []);
      for (const entry of this.#entries.values()) if (entry.overlaps === name) this.#targetChanged(entry);
      return;
    }
    const isSame = before !== undefined && before.row.document === row.document;
    const migration = isSame ? before.migration : migrationFrom(row.document);
    const entry: PlanEntry = {
      name,
      row,
      migration,
      facts: isSame ? before.facts : undefined,
      overlaps: before?.overlaps,
      begun: before?.begun,
      subscribers: before?.subscribers,
      askedAt: before?.askedAt ?? Number.NEGATIVE_INFINITY,
      timer: before?.timer,
    };
    this.#entries.set(name, entry);
    this.#targetChanged(entry);
  }

  #targetChanged(entry: PlanEntry): void {
    const { migration } = entry;
    this.#tellProviders(entry);
    if (migration === undefined) return this.#parts.book.delete(entry.name);
    entry.facts = this.#factsOf(entry, migration) ?? entry.facts;
    entry.overlaps = this.#overlapping(entry, migration);
    if (entry.facts === undefined || entry.overlaps !== undefined) return this.#parts.book.delete(entry.name);
    this.#parts.book.set(
      entry.name,
      migration.consumers,
      agentTarget(entry, migration, entry.facts, this.#parts.timeoutOf(entry.facts.host)),
    );
    this.#look(entry);
  }

  /** By the ledger alone: a bridge that has just started and knows no target yet must not let them register again. */
  #tellProviders({ name, migration, row }: PlanEntry): void {
    const names = withdrawnIn(migration, row.status).flatMap(({ key, sdkName }) => {
      // A registry of its own accord brings back what was taken out (Eureka that replicates to itself): its agents are told again.
      const isListed = (this.#parts.listedOf(key) ?? 0) > 0;
      return serviceNamesOf(key).map((service) => ({ service, sdkName, isListed }));
    });
    this.#parts.book.withdraw(name, names);
  }

  /** A target that is named by a registration which went is known by its host, and one that nobody knows (yet) by what went. */
  #factsOf(entry: PlanEntry, { target }: Migration): TargetFacts | undefined {
    const found = this.#parts.factsOf(target);
    const { withdrawal } = entry.row.status;
    if (found !== undefined || withdrawal === undefined) return found;
    const byHost = this.#parts.factsOf({ kind: 'host', host: withdrawal.host as MeshHost, port: withdrawal.port });
    return byHost ?? entry.facts ?? factsOfWithdrawn(withdrawal);
  }

  /** A plan of the same target and consumer that agents are told of already. */
  #overlapping(entry: PlanEntry, migration: Migration): string | undefined {
    for (const other of this.#entries.values()) {
      if (other === entry || other.name === entry.name || other.migration === undefined || other.overlaps !== undefined) continue;
      if (other.facts === undefined) continue;
      const a = { migration, facts: entry.facts };
      if (overlapOf(a, { migration: other.migration, facts: other.facts }).length > 0) return other.name;
    }
    return undefined;
  }

  #fleetChanged({ service, targets }: FleetChange): void {
    for (const entry of this.#entries.values()) {
      const { facts, migration } = entry;
      if (facts === undefined || migration === undefined) continue;
      if (this.#waitsForProviders(entry, service)) this.#look(entry);
      if (!migration.consumers.includes('*') && !migration.consumers.includes(service)) continue;
      if (targets === 'all' || targets.some(({ host, port }) => host === facts.host && port === facts.port)) this.#look(entry);
    }
  }

  #lookAtAll(): void {
    for (const entry of this.#entries.values()) this.#look(entry);
  }

  /** On the leader: at most one step; and a timer where time is what it waits for. */
  #look(entry: PlanEntry): void {
    entry.timer?.();
    entry.timer = undefined;
    if (this.#closed || !this.store.writer.isWriter() || this.store.isPending(entry.name)) return;
    if (entry.migration === undefined || entry.overlaps !== undefined || this.#entries.get(entry.name) !== entry) return;
    const evidence = this.evidence(entry);
    if (evidence === undefined) return;
    const { now } = this;
    const result = advance(entry.migration, entry.row.status, evidence, now);
    if (result.entries.length > 0) {
      const { state } = entry.row.status;
      const isBack = result.status.state.kind === 'rolledBack';
      if (isBack && state.kind === 'returning' && state.gone) this.store.put(entry.name, undefined);
      else this.take(entry.name, entry.row, result);
      return;
    }
    const verdict = verdictOf(entry.migration, entry.row.status, evidence, now);
    if (verdict.kind !== 'wait') return;
    if (verdict.dueAt !== undefined) entry.timer = this.#at(entry, verdict.dueAt - now);
    else if (this.#standsBeforeRetired(entry, verdict.why)) this.#ask(entry, now);
  }

  /** Before `retired`, at it and on its way back: what is registered is what it waits for. */
  #waitsForProviders({ migration, row, facts }: PlanEntry, service: string): boolean {
    const { state, withdrawal } = row.status;
    const at = 'step' in state ? state.step : Number.NaN;
    const isNear =
      withdrawal !== undefined || migration?.steps[at + 1]?.rung === 'retired' || migration?.steps[at]?.rung === 'retired';
    const registrations = [...(facts?.registrations ?? []), ...(withdrawal?.registrations ?? [])];
    return isNear && registrations.some(({ key }) => serviceNamesOf(key).includes(service));
  }

  #standsBeforeRetired({ migration, row, facts }: PlanEntry, why: readonly string[]): boolean {
    const { state } = row.status;
    const next = state.kind === 'running' ? migration?.steps[state.step + 1] : undefined;
    return next?.rung === 'retired' && (facts?.registrations.length ?? 0) > 0 && why.every((text) => text.startsWith('retired'));
  }

  #ask(entry: PlanEntry, now: number): void {
    const wait = entry.askedAt + ASK_EVERY_MS - now;
    if (wait > 0) {
      entry.timer = this.#at(entry, wait);
      return;
    }
    void this.askSubscribers(entry).then(() => this.#look(this.#entries.get(entry.name) ?? entry));
  }

  #at(entry: PlanEntry, ms: number): () => void {
    const look = () => this.#look(this.#entries.get(entry.name) ?? entry);
    return this.#parts.after(Math.min(Math.max(ms, 1), LONGEST_MS), look);
  }
}
