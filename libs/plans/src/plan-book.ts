import type { AgentTarget } from '@isthmus/contract';
import type { Consumers, TargetId } from './fleet-view.ts';
import { WithdrawnNames } from './withdrawn-names.ts';
import type { WithdrawnName } from './withdrawn-names.ts';

/** What agents are told, derived from the plans and the catalog; always up to date, and in memory. */
export interface PlanBook {
  /** All targets of the agents of a service, sorted by host and port. */
  targetsFor(service: string): readonly AgentTarget[];
  /** One of them; undefined where no plan of this service has it. */
  targetFor(service: string, target: TargetId): AgentTarget | undefined;
  /** What there is now, as `onChange` would have told it. */
  pages(): Iterable<BookChange>;
  /** Called after each change, at once. Returns what ends it. */
  onChange(listener: (change: BookChange) => void): () => void;
  /** What the processes of a service keep out of their registries, `KIND/NAMESPACE/GROUP/NAME`, sorted. */
  withdrawnOf(service: string): readonly string[];
  /** Those of them that the registry lists all the same: somebody else has registered them again, or the registry itself has. */
  stillListedOf(service: string): readonly string[];
  /** Called with the service whose answer is another, at once. Returns what ends it. */
  onWithdrawn(listener: (service: string) => void): () => void;
}

/** One target is new, other or gone for these consumers (`*`: for all). */
export interface BookChange {
  readonly target: TargetId;
  readonly consumers: Consumers;
}

interface Page {
  readonly consumers: Consumers;
  readonly target: AgentTarget;
}

/** The book that the bridge writes: one page a plan. Two plans never have the same target and consumer (`overlaps`). */
export class AgentTargets implements PlanBook {
  readonly #pages = new Map<string, Page>();
  /** Names of plans by consumer, `*` among them. */
  readonly #plans = new Map<string, Set<string>>();
  readonly #listeners = new Set<(change: BookChange) => void>();
  readonly #withdrawn = new WithdrawnNames();

  targetsFor(service: string): readonly AgentTarget[] {
    const targets = [...this.#pagesOf(service)].map(({ target }) => target);
    return targets.sort((a, b) => (a.host < b.host ? -1 : a.host > b.host ? 1 : portOf(a) - portOf(b)));
  }

  targetFor(service: string, { host, port }: TargetId): AgentTarget | undefined {
    for (const { target } of this.#pagesOf(service)) if (target.host === host && portOf(target) === port) return target;
    return undefined;
  }

  onChange(listener: (change: BookChange) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  *pages(): Generator<BookChange> {
    for (const page of this.#pages.values()) yield changeOf(page);
  }

  /** What the plan of this name says now; nothing is told where that is what it said before. */
  set(plan: string, consumers: Consumers, target: AgentTarget): void {
    const before = this.#pages.get(plan);
    const page: Page = { consumers, target };
    if (before !== undefined && JSON.stringify(before) === JSON.stringify(page)) return;
    if (before !== undefined) this.#forget(plan, before);
    this.#pages.set(plan, page);
    for (const consumer of consumers) {
      const plans = this.#plans.get(consumer) ?? new Set();
      this.#plans.set(consumer, plans.add(plan));
    }
    if (before !== undefined && !isSame(before, page)) this.#tell(before);
    this.#tell(page);
  }

  withdrawnOf(service: string): readonly string[] {
    return this.#withdrawn.of(service);
  }

  stillListedOf(service: string): readonly string[] {
    return this.#withdrawn.listedOf(service);
  }

  onWithdrawn(listener: (service: string) => void): () => void {
    return this.#withdrawn.onChange(listener);
  }

  /** What the plan of this name keeps out of registries now. */
  withdraw(plan: string, registrations: readonly WithdrawnName[]): void {
    this.#withdrawn.set(plan, registrations);
  }

  /** Its consumers are told of no such target any more; what it keeps out of registries is `withdraw`'s. */
  delete(plan: string): void {
    const page = this.#pages.get(plan);
    if (page === undefined) return;
    this.#forget(plan, page);
    this.#tell(page);
  }

  *#pagesOf(service: string): Generator<Page> {
    for (const consumer of service === '*' ? ['*'] : [service, '*'])
      for (const plan of this.#plans.get(consumer) ?? []) {
        const page = this.#pages.get(plan);
        if (page !== undefined) yield page;
      }
  }

  #forget(plan: string, { consumers }: Page): void {
    this.#pages.delete(plan);
    for (const consumer of consumers) {
      const plans = this.#plans.get(consumer);
      plans?.delete(plan);
      if (plans?.size === 0) this.#plans.delete(consumer);
    }
  }

  #tell(page: Page): void {
    const change = changeOf(page);
    for (const listener of this.#listeners) listener(change);
  }
}

function changeOf({ consumers, target }: Page): BookChange {
  return { target: { host: target.host, port: portOf(target) }, consumers };
}

function isSame(a: Page, b: Page): boolean {
  return a.target.host === b.target.host && portOf(a.target) === portOf(b.target) && a.consumers.join() === b.consumers.join();
}

function portOf({ port = 80 }: AgentTarget): number {
  return port;
}
