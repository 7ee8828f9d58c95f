import { messageOf } from '@isthmus/model';
import type { TargetId } from '@isthmus/plans';

/** Who decides gates: this replica (also one that is alone), one elsewhere, or nobody that could be reached. */
export type Leader = { readonly kind: 'here' } | { readonly kind: 'at'; readonly control: string } | { readonly kind: 'unknown' };

export interface ForwardOptions {
  readonly leader: () => Leader;
  readonly fetch?: typeof fetch;
}

/** A report that comes from another replica is not passed on once more. */
export const FORWARDED_HEADER = 'x-isthmus-forwarded-for';

const MOST_UNDER_WAY = 64;
const ANSWER_WITHIN_MS = 5_000;

/** On a replica that follows: reports go on to the one that leads, where gates are decided, as the agent sent them and with its token. */
export class ReportForwarder {
  readonly #options: ForwardOptions;
  #underWay = 0;
  #dropped = 0;
  #problem: string | undefined;

  constructor(options: ForwardOptions) {
    this.#options = options;
  }

  get isNeeded(): boolean {
    return this.#options.leader().kind !== 'here';
  }

  /** Reports that did not reach the leader, since the start. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Why the last one did not. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** @returns what the leader asks for; nothing where it was not reached. Never rejects */
  async forward(report: unknown, authorization: string | undefined, address: string): Promise<readonly TargetId[]> {
    const leader = this.#options.leader();
    if (leader.kind === 'here') return [];
    if (leader.kind === 'unknown') return this.#drop('no replica leads, or it does not say where it is (ledger.advertise)');
    if (this.#underWay >= MOST_UNDER_WAY) return this.#drop(`${leader.control} is too slow`);
    this.#underWay += 1;
    try {
      const answer = await (this.#options.fetch ?? fetch)(`${leader.control}/api/v1/agents/reports`, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          [FORWARDED_HEADER]: address,
          ...(authorization === undefined ? {} : { authorization }),
        },
        body: JSON.stringify(report),
        signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
      });
      if (!answer.ok) return this.#drop(`${leader.control} answered ${answer.status}`);
      this.#problem = undefined;
      return ((await answer.json()) as { readonly ask: readonly TargetId[] }).ask;
    } catch (error) {
      return this.#drop(messageOf(error));
    } finally {
      this.#underWay -= 1;
    }
  }

  #drop(why: string): readonly TargetId[] {
    this.#dropped += 1;
    this.#problem = why;
    return [];
  }
}
