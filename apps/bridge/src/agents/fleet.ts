import type { AgentReport, AgentView } from '@isthmus/contract';
import { ShadowBook, windowOf } from '@isthmus/plans';
import type { AgentPresence, Consumers, FleetChange, FleetView, PlanBook, ProviderWindow, TargetEvidence, TargetId } from '@isthmus/plans'; // prettier-ignore
import { ArmSum, totalsOf } from './arm-totals.ts';
import type { TargetSums } from './arm-totals.ts';
import { AgentRecord } from './agent-record.ts';
import type { AgentOrigin } from './agent-record.ts';
import { agentView } from './agent-view.ts';
import { keyOf } from './consumer-channel.ts';

export interface FleetOptions {
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly limits: () => { readonly maxAgents: number; readonly reportEveryMs: number };
}

/** What a service is told now. */
export interface Told {
  readonly version: string;
  readonly changedAt: number;
}

/** An agent that is gone is remembered for so long. */
const REMEMBERED_MS = 3_600_000;
/** One whose reports another replica passes on is connected as long as they come. */
const MISSED_REPORTS = 3;
const MOST_PAIRS = 100_000;

/**
 * What agents say, together: totals by service and target, who is there, and what each acknowledged. Bounded by the number of agents
 * and by what plans name; all of it is in memory, and a new leader counts anew.
 */
export class Fleet implements FleetView {
  readonly shadow: ShadowBook;
  readonly #options: FleetOptions;
  /** By service, then by instance. */
  readonly #agents = new Map<string, Map<string, AgentRecord>>();
  /** By target, then by service. */
  readonly #sums = new Map<string, Map<string, TargetSums>>();
  readonly #listeners = new Set<(change: FleetChange) => void>();
  #book: PlanBook | undefined;
  #told: (service: string) => Told | undefined = () => undefined;
  #size = 0;
  #pairs = 0;
  #reports = 0;

  constructor(options: FleetOptions) {
    this.#options = options;
    this.shadow = new ShadowBook(options.now);
  }

  /** What there are plans for, and what services are told. */
  follow(book: PlanBook, told: (service: string) => Told | undefined): void {
    this.#book = book;
    this.#told = told;
    book.onChange(({ target, consumers }) => this.#forget(target, consumers));
  }

  get size(): number {
    return this.#size;
  }

  get reports(): number {
    return this.#reports;
  }

  opened(origin: AgentOrigin): void {
    const record = this.#recordOf(origin);
    record.streams += 1;
    record.connectedSince ??= this.#options.now();
    Object.assign(record, { agent: origin.agent, node: origin.node, address: origin.address });
    record.seenAt = this.#options.now();
    this.#tell({ service: origin.service, targets: 'all' });
  }

  closed({ service, instance }: AgentOrigin): void {
    const record = this.#agents.get(service)?.get(instance);
    if (record === undefined) return;
    record.streams = Math.max(0, record.streams - 1);
    record.seenAt = this.#options.now();
    if (record.streams > 0) return;
    record.connectedSince = undefined;
    this.shadow.gone(service, instance);
    this.#tell({ service, targets: 'all' });
  }

  /** @returns the targets whose SDK view is wanted in full */
  report(report: AgentReport, address: string): readonly TargetId[] {
    const { service, instance } = report;
    const now = this.#options.now();
    const record = this.#recordOf({ ...report, address });
    record.connectedSince ??= now;
    const asked: TargetId[] = [];
    const about: TargetId[] = [];
    const known = new Set((this.#book?.targetsFor(service) ?? []).map(({ host, port = 80 }) => keyOf({ host, port })));
    record.take(report, now, (key) => known.has(key));
    if (this.#isAcknowledged(record)) record.acknowledgedAt = now;
    for (const { host, port, arms, view } of report.targets) {
      const id = { host, port };
      const target = known.has(keyOf(id)) ? this.#book?.targetFor(service, id) : undefined;
      if (target === undefined) continue;
      about.push(id);
      const sums = this.#sumsOf(id, service);
      sums?.sdk.add(arms.sdk);
      sums?.mesh.add(arms.mesh);
      if (view === undefined || target.rung === 'sdk') continue;
      const windowMs = windowOf(target.sdkNames);
      if (this.shadow.report({ service, instance, target: id, windowMs, view }).ask) asked.push(id);
    }
    this.#reports += 1;
    this.#tell({ service, targets: about });
    return asked;
  }

  evidenceOf(target: TargetId, consumers: Consumers): TargetEvidence {
    const by = this.#sums.get(keyOf(target));
    const sums = consumers.includes('*')
      ? [...(by?.values() ?? [])]
      : [...new Set(consumers)].flatMap((one) => by?.get(one) ?? []);
    return {
      arms: { sdk: totalsOf(sums.map(({ sdk }) => sdk)), mesh: totalsOf(sums.map(({ mesh }) => mesh)) },
      views: this.shadow.totalsOf(target, consumers),
    };
  }

  agentsOf(target: TargetId, consumers: Consumers): readonly AgentPresence[] {
    const key = keyOf(target);
    return this.#records(consumers).map((record) => {
      const state = record.targets.get(key);
      return {
        service: record.service,
        instance: record.instance,
        connected: this.#isConnected(record),
        acknowledged: this.#isAcknowledged(record),
        ...(record.acknowledgedAt === undefined ? {} : { acknowledgedAt: record.acknowledgedAt }),
        addresses: [record.address, ...record.addresses],
        ...(state === undefined ? {} : { effective: state.effective }),
        ...(state?.why === undefined ? {} : { why: state.why }),
        ...(state?.byInstance === undefined ? {} : { byInstance: state.byInstance }),
      };
    });
  }

  providersOf(service: string): readonly ProviderWindow[] {
    return this.#records([service]).flatMap((record) =>
      record.provider === undefined ? [] : [record.provider.window(record.instance, this.#isConnected(record))],
    );
  }

  /** All, or those of one service. */
  views(service?: string): readonly AgentView[] {
    return this.#records(service === undefined ? ['*'] : [service]).map((record) =>
      agentView(record, {
        connected: this.#isConnected(record),
        acknowledged: this.#isAcknowledged(record),
        desired: (id) => this.#book?.targetFor(record.service, id)?.rung,
      }),
    );
  }

  /** What the breakers, retries, timeouts and balancers of a service's processes are set to, as they say. */
  policiesOf(service: string): readonly { readonly instance: string; readonly policies: AgentRecord['policies'] }[] {
    return this.#records([service]).map(({ instance, policies }) => ({ instance, policies }));
  }

  onChange(listener: (change: FleetChange) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  #records(consumers: Consumers): readonly AgentRecord[] {
    this.#expire();
    const services = consumers.includes('*') ? [...this.#agents.keys()] : [...new Set(consumers)];
    const records = services.flatMap((service) => [...(this.#agents.get(service)?.values() ?? [])]);
    return records.sort((a, b) => (a.service === b.service ? compare(a.instance, b.instance) : compare(a.service, b.service)));
  }

  #isConnected({ streams, reportedAt }: AgentRecord): boolean {
    const within = this.#options.limits().reportEveryMs * MISSED_REPORTS;
    return streams > 0 || (reportedAt !== undefined && this.#options.now() - reportedAt < within);
  }

  #isAcknowledged({ service, planVersion, reportedAt = 0 }: AgentRecord): boolean {
    const told = this.#told(service);
    // A version may return (a step back): what was said before it did is no word of the present one.
    return told !== undefined && told.version === planVersion && reportedAt >= told.changedAt;
  }

  #recordOf(origin: AgentOrigin): AgentRecord {
    const agents = this.#agents.get(origin.service) ?? new Map<string, AgentRecord>();
    this.#agents.set(origin.service, agents);
    const held = agents.get(origin.instance);
    if (held !== undefined) return held;
    if (this.#size >= this.#options.limits().maxAgents) this.#makeRoom();
    const record = new AgentRecord(origin, this.#options.now());
    agents.set(origin.instance, record);
    this.#size += 1;
    return record;
  }

  #expire(): void {
    const before = this.#options.now() - REMEMBERED_MS;
    for (const agents of this.#agents.values())
      for (const record of agents.values()) if (record.streams === 0 && record.seenAt < before) this.#remove(record);
  }

  /** The one that was heard of least recently; one that is connected comes back with its next report. */
  #makeRoom(): void {
    let oldest: AgentRecord | undefined;
    for (const agents of this.#agents.values())
      for (const record of agents.values()) if (oldest === undefined || rank(record) < rank(oldest)) oldest = record;
    if (oldest !== undefined) this.#remove(oldest);
  }

  #remove({ service, instance }: AgentRecord): void {
    const agents = this.#agents.get(service);
    if (agents?.delete(instance) !== true) return;
    this.#size -= 1;
    if (agents.size === 0) this.#agents.delete(service);
    this.shadow.gone(service, instance);
  }

  #sumsOf(target: TargetId, service: string): TargetSums | undefined {
    const key = keyOf(target);
    const by = this.#sums.get(key) ?? new Map<string, TargetSums>();
    const held = by.get(service);
    if (held !== undefined) return held;
    if (this.#pairs >= MOST_PAIRS) return undefined;
    const sums = { sdk: new ArmSum(), mesh: new ArmSum() };
    this.#sums.set(key, by.set(service, sums));
    this.#pairs += 1;
    return sums;
  }

  /** Of a target that a service has no plan for any more nothing is kept. */
  #forget(target: TargetId, consumers: Consumers): void {
    const by = this.#sums.get(keyOf(target));
    if (by === undefined) return;
    for (const service of consumers.includes('*') ? [...by.keys()] : consumers)
      if (this.#book?.targetFor(service, target) === undefined && by.delete(service)) this.#pairs -= 1;
    if (by.size === 0) this.#sums.delete(keyOf(target));
  }

  #tell(change: FleetChange): void {
    for (const listener of this.#listeners) listener(change);
  }
}

/** Connected ones last. */
function rank({ streams, seenAt }: AgentRecord): number {
  return streams > 0 ? Number.MAX_SAFE_INTEGER : seenAt;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
