import { Catalog, DEFAULT_GUARD, DEFAULT_RULES } from '@isthmus/catalog';
import type { ScopeState } from '@isthmus/catalog';
import { messageOf, scopeId, takesTraffic } from '@isthmus/model';
import type { SourceEvent } from '@isthmus/model';
import { collect } from '../collect.ts';
import type { Collector } from '../collect.ts';
import { testLedger } from '../test-ledger.ts';
import type { FaultHarness } from './fault-harness.ts';
import { SlowLink } from './slow-link.ts';

/** More than the guard's `minEndpoints` goes when half of them do, and more than its half. */
const SERVICES = 23;
const HOUR_MS = 3_600_000;

interface Instance {
  readonly address: string;
  readonly port: number;
}

/**
 * One row: services of its own in the registry, a source that reads them, and a real catalog with the guard of production
 * behind it. After every event it looks whether everything that lives is still published.
 */
export class FaultScene {
  readonly view: Collector;
  /** Undefined: the source goes straight to the server. */
  readonly link: SlowLink | undefined;
  readonly #harness: FaultHarness;
  readonly #prefix: string;
  readonly #deadlineMs: number;
  readonly #catalog: Catalog;
  readonly #sourceClock: { aheadMs: number };
  readonly #catalogClock: { ms: number };
  /** By service: those that nobody has stopped. */
  readonly #living: Map<string, readonly Instance[]>;
  readonly #row: number;
  readonly #lost = new Set<string>();
  #isComplete = false;

  private constructor(
    parts: { harness: FaultHarness; row: number; deadlineMs: number; link: SlowLink | undefined },
    watch: (clock: { now(): number }) => ReturnType<FaultHarness['faults']['open']>,
  ) {
    const { harness, row, deadlineMs, link } = parts;
    this.#harness = harness;
    this.#row = row;
    this.#prefix = `row${row}`;
    this.#deadlineMs = deadlineMs;
    this.link = link;
    const ahead = { aheadMs: 0 };
    const time = { ms: Date.now() };
    this.#sourceClock = ahead;
    this.#catalogClock = time;
    this.#catalog = new Catalog({
      rules: DEFAULT_RULES,
      guard: DEFAULT_GUARD,
      ledger: testLedger(),
      clock: { now: () => time.ms },
      allocateVips: false,
    });
    this.#living = new Map(this.#names(SERVICES).map((name, n) => [name, [this.#instance(n, 1)]]));
    const opening = watch({ now: () => Date.now() + ahead.aheadMs });
    const take = (event: SourceEvent) => this.#take(event);
    this.view = collect({
      id: harness.scope.source,
      async *watch(signal) {
        for await (const event of (await opening).watch(signal)) {
          take(event);
          yield event;
        }
      },
    });
  }

  /** Everything is registered, read and published, over a link that can be slowed down where the row wants one. */
  static async open(harness: FaultHarness, row: number, deadlineMs: number, wantsLink: boolean): Promise<FaultScene> {
    const { faults } = harness;
    const link = faults.ports === undefined || !wantsLink ? undefined : await SlowLink.open(faults.ports);
    const scene = new FaultScene({ harness, row, deadlineMs, link }, (clock) =>
      faults.open(link === undefined ? { clock } : { clock, port: link.port }),
    );
    for (const [name, instances] of scene.#living) for (const instance of instances) await harness.register(name, instance);
    await scene.until('live, with everything published', () => {
      scene.pass(1_000); // what the row before has left may be half of the scope, and is held then
      return scene.state === 'live' && scene.missing().length === 0;
    });
    scene.#isComplete = true;
    return scene;
  }

  /** Of what we publish; `held` is live with removals that wait. */
  get state(): string | undefined {
    const state = this.view.status(this.#harness.scope)?.state;
    return state === 'live' && this.#scope?.held !== undefined ? 'held' : state;
  }

  get cause(): string | undefined {
    const status = this.view.status(this.#harness.scope);
    return status !== undefined && 'cause' in status ? status.cause : undefined;
  }

  /** What lives and was not published at some moment since the start. */
  get everLost(): readonly string[] {
    return [...this.#lost];
  }

  /** @throws Error that also says what the catalog makes of it */
  async until(what: string, condition: () => boolean): Promise<void> {
    try {
      await this.view.until(what, condition, this.#deadlineMs);
    } catch (thrown) {
      const missing = this.missing().join(', ') || 'nothing';
      throw new Error(`${messageOf(thrown)}; published: ${this.state}, ${missing} is missing`, { cause: thrown });
    }
  }

  missing(): readonly string[] {
    const published = this.#published();
    return [...this.#living.values()]
      .flat()
      .map(placeOf)
      .filter((place) => !published.has(place));
  }

  /** The bridge looks at what waits, as it does once a second. */
  pass(ms: number): void {
    for (let left = ms; left > 0; left -= 1_000) {
      this.#catalogClock.ms += Math.min(left, 1_000);
      this.#catalog.confirmDue();
    }
    this.#look();
  }

  /** The source's clock and the catalog's. */
  jump(hours: number): void {
    this.#sourceClock.aheadMs += hours * HOUR_MS;
    this.#catalogClock.ms += hours * HOUR_MS;
    this.#catalog.confirmDue();
    this.#look();
  }

  /** The registry is followed: one instance comes and is published, the one before it dies and is not. */
  async follows(): Promise<void> {
    const [[name, [old]]] = [...this.#living] as [[string, [Instance]]];
    const fresh = this.#instance(0, old.port - PORT + 1);
    await this.#harness.register(name, fresh);
    await this.until(`${placeOf(fresh)} is published`, () => this.#published().has(placeOf(fresh)));
    this.#living.set(name, [fresh]);
    await this.#harness.deregister(name, old.address, old.port);
    await this.until(`${placeOf(old)} is gone`, () => !this.#published().has(placeOf(old)));
  }

  /** After a restart without data: providers of the first `count` services register again, the others have died. */
  async providersReturn(count: number): Promise<void> {
    const dead = [...this.#living].slice(count);
    for (const [name] of dead) this.#living.delete(name);
    for (const [name, instances] of this.#living)
      for (const instance of instances) await this.#harness.register(name, { ...instance, metadata: { run: '2' } });
    const places = dead.flatMap(([, instances]) => instances.map(placeOf));
    // Time goes on only then: the guard's time must not pass while this machine is busy.
    await this.until('everything that lives is listed', () => this.#listed() === count);
    await this.until('live, and what died is gone', () => {
      this.pass(1_000);
      const published = this.#published();
      return this.state === 'live' && !places.some((place) => published.has(place));
    });
  }

  /** How many of the services there are when each has one instance. */
  static get services(): number {
    return SERVICES;
  }

  async close(): Promise<void> {
    this.#isComplete = false;
    await this.view.stop(5_000);
    await this.link?.close();
    for (const [name, instances] of this.#living)
      for (const { address, port } of instances) await this.#harness.deregister(name, address, port);
  }

  get #scope(): ScopeState | undefined {
    return this.#catalog.scopeById(scopeId(this.#harness.scope));
  }

  #take(event: SourceEvent): void {
    this.#catalog.apply(event);
    this.#look();
  }

  #look(): void {
    if (this.#isComplete) for (const place of this.missing()) this.#lost.add(place);
  }

  #published(): ReadonlySet<string> {
    const merged = [...this.#catalog.hosts()].flatMap((host) => this.#catalog.merged(host)?.endpoints ?? []);
    return new Set(merged.filter(({ endpoint }) => takesTraffic(endpoint)).map(({ endpoint }) => placeOf(endpoint)));
  }

  /** Services that came back, by what they say of themselves. */
  #listed(): number {
    return this.#names(SERVICES).filter((name) => this.view.endpoints(name).some(({ metadata }) => metadata['run'] === '2'))
      .length;
  }

  #names(count: number): readonly string[] {
    return Array.from({ length: count }, (_, n) => `${this.#prefix}-s${n}`);
  }

  #instance(service: number, generation: number): Instance {
    return { address: `10.${20 + this.#row}.${service}.${generation}`, port: PORT + generation };
  }
}

const PORT = 8_000;

function placeOf({ address, port }: Instance): string {
  return `${address}:${port}`;
}
