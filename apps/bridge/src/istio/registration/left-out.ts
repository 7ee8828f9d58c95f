import type { Diagnostic } from '@isthmus/model';
import type { NodeSession } from '@isthmus/xds';
import type { Claim } from './claim.ts';
import type { Connection } from './registration.ts';

/** A connection that is not even known as one that waits: so many wait already. */
export interface Left {
  readonly claim: Claim;
  readonly connection: Connection;
  readonly problem: Diagnostic;
}

/** Connections that would be workloads, in the order in which they came; one that is let in goes on as it is. */
export class LeftOut {
  readonly #sessions = new Map<
    Left,
    { health: readonly [problem: string | undefined] | undefined; inner: NodeSession | undefined }
  >();

  get size(): number {
    return this.#sessions.size;
  }

  *problems(): Generator<Diagnostic> {
    for (const { problem } of this.#sessions.keys()) yield problem;
  }

  add(left: Left): NodeSession {
    const state = { health: undefined, inner: undefined } as {
      health: readonly [string | undefined] | undefined;
      inner: NodeSession | undefined;
    };
    this.#sessions.set(left, state);
    return {
      health: (problem) => {
        state.health = [problem];
        state.inner?.health(problem);
      },
      close: () => {
        this.#sessions.delete(left);
        state.inner?.close();
      },
    };
  }

  /** The first is let in; what its agent has said meanwhile counts. */
  admit(open: (left: Left) => NodeSession): void {
    const [first] = this.#sessions;
    if (first === undefined) return;
    const [left, state] = first;
    this.#sessions.delete(left);
    state.inner = open(left);
    if (state.health !== undefined) state.inner.health(...state.health);
  }
}
