import type { RegistrationReport } from '@isthmus/contract';
import { isSameSdkName } from '@isthmus/ladder';
import type { Registration } from './registration.ts';
import type { RegistrationBook } from './registration-book.ts';

/** Of one instance that the control plane wants out of its registry; `isOut` when the registry has confirmed it. */
export interface Withdrawn {
  readonly registration: Registration;
  readonly isOut: boolean;
}

export interface WithdrawalsOptions {
  /** What is registered; one of an older copy of the package does not say when that changes. */
  readonly book: Pick<RegistrationBook, 'list' | 'remove'> & Partial<Pick<RegistrationBook, 'follow'>>;
  readonly withdrawn: Map<string, Withdrawn>;
  /** The process is not about to leave. */
  readonly mayRegister: () => boolean;
  /** Calls once after so many ms. @returns what ends the wait */
  readonly setTimer: (ms: number, run: () => void) => () => void;
  /** 0 up to 1. */
  readonly random: () => number;
  /** `states` may be others. */
  readonly changed: () => void;
  readonly done: (registration: Registration, way: Way) => void;
}

export type Way = 'out' | 'in';

const AGAIN_MS = 1_000;
const LONGEST_MS = 30_000;
/** What is out and listed all the same: the registry may be late (30 s), so there is no hurry, and it may do it again. */
const LISTED_MS = 2_000;
const LISTED_LONGEST_MS = 60_000;

interface Failure {
  readonly way: Way;
  readonly why: string;
  readonly times: number;
  readonly cancel: () => void;
}

/**
 * Keeps what a plan has retired out of the registries, and registers it again when the plan leads back: by the application's own
 * clients, one step of an instance at a time, again until it is done. Who registers itself meanwhile is taken out as well. A process
 * that starts registers itself by its SDK as ever, and while the control plane says nothing, nothing changes.
 */
export class Withdrawals {
  readonly #options: WithdrawalsOptions;
  readonly #underWay = new Set<string>();
  readonly #failures = new Map<string, Failure>();
  readonly #unfollow: (() => void) | undefined;
  /** Of what is out and listed all the same: how often it was deregistered again, and the wait for the next time. */
  readonly #relapses = new Map<string, { readonly times: number; readonly cancel: () => void }>();
  #listed: readonly string[] = [];
  /** Undefined: nothing was said yet. */
  #wanted: readonly string[] | undefined;
  #closed = false;

  constructor(options: WithdrawalsOptions) {
    this.#options = options;
    this.#unfollow = options.book.follow?.((event, id) => {
      // Its owner took it out: it does not come back with the plan.
      if (event === 'removed' && !this.#underWay.has(id)) options.withdrawn.delete(id);
      this.#look();
      options.changed();
    });
  }

  /**
   * @param names `KIND/NAMESPACE/GROUP/NAME` that are kept out from now on; all others are registered
   * @param listed those of them that their registry lists all the same
   */
  follow(names: readonly string[], listed: readonly string[] = []): void {
    this.#wanted = names;
    this.#listed = listed;
    this.#look();
  }

  states(): readonly RegistrationReport[] {
    const { book, withdrawn } = this.#options;
    this.#look();
    const out = [...withdrawn].flatMap(([id, { registration, isOut }]) => this.#stateOf(id, registration, isOut));
    const there = book.list().filter(({ id }) => !withdrawn.has(id));
    return [...out, ...there.flatMap((registration) => this.#stateOf(registration.id, registration, false))];
  }

  close(): void {
    this.#closed = true;
    this.#unfollow?.();
    for (const { cancel } of this.#failures.values()) cancel();
    for (const { cancel } of this.#relapses.values()) cancel();
  }

  #stateOf(id: string, { sdkName }: Registration, isOut: boolean): RegistrationReport[] {
    if (sdkName === undefined) return [];
    const why = this.#failures.get(id)?.why;
    return [{ sdkName, state: isOut ? 'withdrawn' : 'registered', ...(why === undefined ? {} : { why }) }];
  }

  #look(): void {
    const { book, withdrawn, mayRegister } = this.#options;
    if (this.#wanted === undefined || this.#closed) return;
    for (const registration of book.list()) if (this.#isWantedOut(registration)) this.#begin(registration, 'out');
    for (const { registration, isOut } of [...withdrawn.values()]) {
      if (!this.#isWantedOut(registration)) {
        if (mayRegister()) this.#begin(registration, 'in');
      } else if (!isOut) this.#begin(registration, 'out');
    }
    this.#lookAtListed();
  }

  #lookAtListed(): void {
    const { withdrawn } = this.#options;
    for (const [id, { cancel }] of this.#relapses) {
      const one = withdrawn.get(id);
      if (one !== undefined && this.#isListed(one)) continue;
      cancel();
      this.#relapses.delete(id);
    }
    for (const one of withdrawn.values())
      if (this.#isListed(one) && !this.#relapses.has(one.registration.id)) this.#deregisterLater(one, 0);
  }

  #isListed({ registration, isOut }: Withdrawn): boolean {
    const { sdkName } = registration;
    const isNamed = sdkName !== undefined && this.#listed.some((listed) => isSameSdkName(sdkName, listed));
    return isOut && isNamed && this.#isWantedOut(registration);
  }

  /** Spread, so that the processes of a service do not all come at once. */
  #deregisterLater({ registration }: Withdrawn, times: number): void {
    const { setTimer, random } = this.#options;
    const longest = Math.min(LISTED_LONGEST_MS, LISTED_MS * 2 ** Math.min(times, 10));
    const cancel = setTimer(longest * (0.5 + random() / 2), () => void this.#deregisterAgain(registration, times));
    this.#relapses.set(registration.id, { times, cancel });
  }

  async #deregisterAgain(registration: Registration, times: number): Promise<void> {
    const { id } = registration;
    const isStill = (): Withdrawn | undefined => {
      const one = this.#options.withdrawn.get(id);
      return one !== undefined && !this.#closed && this.#isListed(one) ? one : undefined;
    };
    if (isStill() !== undefined && !this.#underWay.has(id)) {
      this.#underWay.add(id);
      // A registry that does not have it says so; where it has it still, the control plane goes on naming it.
      await registration.deregister().catch(() => undefined);
      this.#underWay.delete(id);
    }
    const one = isStill();
    if (one === undefined) this.#relapses.delete(id);
    else this.#deregisterLater(one, times + 1);
    this.#look();
  }

  #isWantedOut({ sdkName }: Registration): boolean {
    return sdkName !== undefined && this.#wanted?.some((wanted) => isSameSdkName(sdkName, wanted)) === true;
  }

  #begin(registration: Registration, way: Way): void {
    const { id } = registration;
    const failed = this.#failures.get(id);
    if (this.#underWay.has(id) || failed?.way === way) return;
    failed?.cancel();
    this.#failures.delete(id);
    void this.#try(registration, way, 0);
  }

  async #try(registration: Registration, way: Way, times: number): Promise<void> {
    const { id } = registration;
    this.#underWay.add(id);
    try {
      await (way === 'out' ? this.#takeOut(registration) : this.#putBack(registration));
      this.#options.done(registration, way);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      const again = (): void => {
        this.#failures.delete(id);
        if (this.#isWantedOut(registration) === (way === 'out')) void this.#try(registration, way, times + 1);
        else this.#look();
      };
      const cancel = this.#closed ? () => undefined : this.#options.setTimer(Math.min(LONGEST_MS, AGAIN_MS * 2 ** Math.min(times, 10)), again); // prettier-ignore
      this.#failures.set(id, { way, why, times, cancel });
    } finally {
      this.#underWay.delete(id);
      this.#look();
      this.#options.changed();
    }
  }

  async #takeOut(registration: Registration): Promise<void> {
    const { book, withdrawn } = this.#options;
    // Before its end is confirmed: what is half out has to be put back all the same.
    withdrawn.set(registration.id, { registration, isOut: false });
    registration.quiet?.(true);
    await registration.stopBeats?.();
    await registration.deregister();
    book.remove(registration.id);
    withdrawn.set(registration.id, { registration, isOut: true });
  }

  async #putBack(registration: Registration): Promise<void> {
    registration.quiet?.(false);
    await registration.register();
    this.#options.withdrawn.delete(registration.id);
  }
}

const KEY = Symbol.for('isthmus.agent.withdrawn');

type WithWithdrawn = typeof globalThis & { [KEY]?: Map<string, Withdrawn> };

/** Of this process: agents of it that follow one another, in several versions too, know what is out. */
export function processWithdrawn(): Map<string, Withdrawn> {
  const shared = globalThis as WithWithdrawn;
  const existing = shared[KEY];
  if (existing !== undefined) return existing;
  const made = new Map<string, Withdrawn>();
  Object.defineProperty(globalThis, KEY, { value: made, configurable: true });
  return made;
}
