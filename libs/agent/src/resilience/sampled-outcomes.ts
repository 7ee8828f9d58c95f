import type { SidecarSeen } from '../sidecar-watch.ts';
import type { CockatielSampling } from './cockatiel-shape.ts';
import { Suspects } from './suspects.ts';
import type { Begun } from './suspects.ts';

/** More than these between two looks, and it stays as it was counted. */
const MOST_KEPT = 10_000;

interface Outcome {
  readonly isSuccess: boolean;
  /** Of the breaker then. */
  readonly state: number;
}

/**
 * What the sampling of a cockatiel breaker is told. Failures of calls that a sidecar had, which is found lost then, are taken out of it:
 * it goes back to what it was before the first of them, and is told the others again. It keeps nothing while nothing fails.
 */
export class SampledOutcomes {
  readonly #sampling: CockatielSampling;
  readonly #suspects = new Suspects();
  #before: string | undefined;
  #kept: Outcome[] = [];

  constructor(sampling: CockatielSampling) {
    this.#sampling = sampling;
  }

  succeeded(state: number): void {
    this.#keep({ isSuccess: true, state });
    this.#sampling.success(state);
  }

  /** @returns whether it is one too many */
  failed(state: number, suspect?: Begun): boolean {
    if (suspect === undefined) this.#keep({ isSuccess: false, state });
    else if (this.#suspects.add(suspect)) {
      // As text: cockatiel 3 hands out what it goes on counting in.
      this.#before = JSON.stringify(this.#sampling.state);
      this.#kept = [];
    }
    return this.#sampling.failure(state);
  }

  /** @returns as `Suspects.settle`, and whether the other failures alone are too many */
  settle(seen: SidecarSeen | undefined): { readonly of: 'lost' | 'cleared'; readonly isOver: boolean } | undefined {
    const of = this.#suspects.settle(seen);
    if (of === undefined) return undefined;
    const before = this.#before;
    const kept = this.#kept;
    this.#before = undefined;
    this.#kept = [];
    if (of === 'cleared' || before === undefined) return { of: 'cleared', isOver: true };
    const sampling = this.#sampling;
    sampling.state = JSON.parse(before) as unknown;
    let isOver = false;
    for (const { isSuccess, state } of kept)
      if (isSuccess) {
        sampling.success(state);
        isOver = false;
      } else isOver = sampling.failure(state);
    return { of, isOver };
  }

  #keep(outcome: Outcome): void {
    if (this.#before === undefined) return;
    if (this.#kept.length < MOST_KEPT) this.#kept.push(outcome);
    else this.#before = undefined;
  }
}
