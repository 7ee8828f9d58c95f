import { drainOf } from './drain.ts';
import type { DrainedServer } from './drain.ts';
import type { Registration } from './registration.ts';
import { Deadline } from './deadline.ts';
import type { Timers } from './deadline.ts';

export interface ProviderOptions {
  /** Where this process is registered, beside what its wrapped clients registered (`seen`). */
  readonly registrations?: readonly Registration[];
  /** What wrapped clients of this process have registered at the moment. */
  readonly seen?: () => readonly Registration[];
  /** What they have begun to register: `seen` has it when this resolves. Undefined: nothing. */
  readonly begun?: () => Promise<unknown> | undefined;
  /** What a plan has taken out of its registries: callers come by the mesh then, and have to notice too. */
  readonly withdrawn?: () => readonly Registration[];
  /** Drained before the end; asked for when it begins. */
  readonly servers?: readonly DrainedServer[] | (() => readonly DrainedServer[]);
  /** Waits for what the application still calls, and closes its clients: the last step. */
  readonly quit?: () => Promise<void> | void;
  /** For the whole shutdown, ms; 25 s by default, below Kubernetes's 30. */
  readonly deadlineMs?: number;
  /** From deregistered to not called any more, ms; what the slowest registry takes by default. */
  readonly propagationMs?: number;
  /** Rising from a tenth to the whole weight over so long, ms, where the registry has weights; 0, not at all, by default. */
  readonly warmUpMs?: number;
  readonly timers?: Timers;
}

export type ProviderState = 'none' | 'registered' | 'leaving' | 'left';

/** How a shutdown went: `steps` in order with what failed in them, which stops none of the others. */
export interface ShutdownReport {
  readonly steps: readonly { readonly step: ShutdownStep; readonly ms: number; readonly error?: string }[];
  /** The deadline cut the wait for callers, or the drain. */
  readonly cut: boolean;
  /** Connections that were ended with a call on them. */
  readonly ended: number;
}

export type ShutdownStep = 'stop-beats' | 'take-out' | 'deregister' | 'propagate' | 'drain' | 'quit';

const DEADLINE_MS = 25_000;
/** Of the deadline, kept for draining and quitting. */
const DRAIN_SHARE = 0.4;
const WARM_UP_STEPS = 10;
const REGISTRY_TIMEOUT_MS = 5_000;
/** What Kubernetes, the bridge and Envoy take together. */
const MESH_PROPAGATION_MS = 2_000;

/** The life of this process in its registries: registers, warms up, and leaves in the order in which no caller notices. */
export class Provider {
  readonly #options: ProviderOptions;
  readonly #timers: Timers;
  #state: ProviderState = 'none';
  #leaving: Promise<ShutdownReport> | undefined;
  #left: readonly Registration[] = [];
  #warmUp: (() => void) | undefined;
  /** What registries have been told and have not answered. */
  readonly #underWay = new Map<Registration, Promise<void>>();

  constructor(options: ProviderOptions) {
    this.#options = options;
    this.#timers = options.timers ?? { now: () => performance.now(), setTimeout, clearTimeout };
  }

  get state(): ProviderState {
    if (this.#state === 'none' && this.#registrations.length > (this.#options.registrations?.length ?? 0)) return 'registered';
    return this.#state;
  }

  /**
   * Registers everywhere, also again after `shutdown`: the way back from the rung `retired` begins here. Resolves when
   * every registry has it and shows it as healthy.
   * @throws of the first registry that refused; the others are registered
   */
  async register(): Promise<void> {
    const registrations = this.#registrations;
    const { warmUpMs = 0 } = this.#options;
    const before = this.#leaving;
    const outcomes = await Promise.allSettled(
      registrations.map((one) =>
        this.#tell(one, async () => {
          await one.register();
          if (warmUpMs > 0 && this.#leaving === before) await one.setShare?.(1 / WARM_UP_STEPS);
        }),
      ),
    );
    // Else it leaves already, and has waited for this.
    if (this.#leaving === before) {
      this.#leaving = undefined;
      this.#state = 'registered';
      if (warmUpMs > 0) this.#rise(registrations, warmUpMs);
    }
    const refused = outcomes.find((outcome) => outcome.status === 'rejected');
    if (refused !== undefined) throw refused.reason;
  }

  /** Leaves; a second call is told of the first one's end. Never throws: what failed is in the report. */
  shutdown(): Promise<ShutdownReport> {
    this.#leaving ??= this.#leave();
    return this.#leaving;
  }

  /** What wrapped clients registered counts from when they did, and is known after they deregistered it. */
  get #registrations(): readonly Registration[] {
    const all = [...this.#left, ...(this.#options.seen?.() ?? []), ...(this.#options.registrations ?? [])];
    return [...new Map(all.map((one) => [one.id, one])).values()];
  }

  async #leave(): Promise<ShutdownReport> {
    const { servers = [], quit, deadlineMs = DEADLINE_MS } = this.#options;
    const drains = (typeof servers === 'function' ? servers() : servers).map(drainOf);
    this.#state = 'leaving';
    this.#warmUp?.();
    const deadline = new Deadline(deadlineMs, this.#timers);
    const begun = this.#options.begun?.();
    if (begun !== undefined) await deadline.within(REGISTRY_TIMEOUT_MS, () => begun);
    const registrations = this.#registrations;
    this.#left = registrations;
    const steps: ShutdownReport['steps'][number][] = [];
    let cut = false;
    const step = async (name: ShutdownStep, limitMs: number, work: () => Promise<unknown>): Promise<void> => {
      const from = this.#timers.now();
      const outcome = await deadline.within(limitMs, work);
      cut ||= outcome.kind === 'late' && (name === 'propagate' || name === 'drain');
      const error = outcome.kind === 'failed' ? outcome.message : outcome.kind === 'late' ? 'it took too long' : undefined;
      steps.push({ step: name, ms: Math.round(this.#timers.now() - from), ...(error === undefined ? {} : { error }) });
    };
    const each = (work: (one: Registration) => Promise<unknown> | undefined) => (): Promise<unknown> =>
      Promise.all(registrations.map((one) => deadline.alone(() => work(one)))).then(throwFirst);

    await step(
      'stop-beats',
      REGISTRY_TIMEOUT_MS,
      each((one) => this.#stopBeats(one)),
    );
    if (registrations.some((one) => one.takeOut !== undefined))
      await step(
        'take-out',
        REGISTRY_TIMEOUT_MS,
        each((one) => one.takeOut?.()),
      );
    await step(
      'deregister',
      REGISTRY_TIMEOUT_MS,
      each((one) => one.deregister()),
    );
    for (const drain of drains) drain.begin();
    const wait =
      registrations.length === 0
        ? (this.#options.withdrawn?.() ?? []).length === 0
          ? 0
          : MESH_PROPAGATION_MS
        : (this.#options.propagationMs ?? Math.max(...registrations.map((one) => one.propagationMs)));
    const most = Math.max(0, deadline.leftMs - deadlineMs * DRAIN_SHARE);
    await step('propagate', Number.POSITIVE_INFINITY, () => deadline.pause(Math.min(wait, most)));
    cut ||= wait > most;
    await step('drain', Number.POSITIVE_INFINITY, () => Promise.all(drains.map((drain) => drain.finish())));
    const ended = drains.reduce((sum, drain) => sum + drain.force(), 0);
    if (quit !== undefined) await step('quit', Number.POSITIVE_INFINITY, async () => quit());
    this.#state = 'left';
    return { steps, cut, ended };
  }

  /** @throws what the registry answers */
  #tell(one: Registration, work: () => Promise<unknown>): Promise<unknown> {
    const told = work();
    const settled = told.then(
      () => undefined,
      () => undefined,
    );
    const all = Promise.all([this.#underWay.get(one), settled]).then(() => {
      if (this.#underWay.get(one) === all) this.#underWay.delete(one);
    });
    this.#underWay.set(one, all);
    return told;
  }

  /** What registers it and is under way would come after its end, and begin its beats. */
  async #stopBeats(one: Registration): Promise<void> {
    await one.stopBeats?.();
    const underWay = this.#underWay.get(one);
    if (underWay === undefined) return;
    await underWay;
    await one.stopBeats?.();
  }

  #rise(registrations: readonly Registration[], overMs: number): void {
    let done = 1;
    let timer: unknown;
    const next = (): void => {
      timer = this.#timers.setTimeout(
        () => {
          done += 1;
          // A step that a registry refuses is made good by the next; the last one is the whole weight.
          const share = done / WARM_UP_STEPS;
          void Promise.allSettled(registrations.map((one) => this.#tell(one, async () => one.setShare?.(share)))).then(() => {
            if (done < WARM_UP_STEPS && this.#state === 'registered') next();
          });
        },
        overMs / (WARM_UP_STEPS - 1),
      );
    };
    next();
    this.#warmUp = () => this.#timers.clearTimeout(timer as NodeJS.Timeout);
  }
}

function throwFirst(errors: readonly (Error | undefined)[]): void {
  const [first] = errors.filter((error) => error !== undefined);
  if (first !== undefined) throw first;
}
