import { messageOf } from '@isthmus/model';
import type { Diagnostic } from '@isthmus/model';
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
const REMEDY =
  'see that this replica reaches that address (ledger.advertise), that all have the same agents.tokensFile, and with TLS of a private authority that NODE_EXTRA_CA_CERTS names its PEM';

/** On a replica that follows: reports go on to the one that leads, where gates are decided, as the agent sent them and with its token. */
export class ReportForwarder {
  readonly #options: ForwardOptions;
  #underWay = 0;
  #dropped = 0;
  #problem: { readonly where: string; readonly why: string } | undefined;

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

  /** Why the last one did not, if it did not. */
  get diagnostics(): readonly Diagnostic[] {
    if (this.#problem === undefined || !this.isNeeded) return [];
    const { where, why } = this.#problem;
    return [
      {
        code: 'agent.reports',
        severity: 'error',
        where,
        what: `what agents report here does not reach the replica that leads: ${why}`,
        meaning: 'the gates of plans know nothing of these agents; the agents themselves go on by their plans',
        remedy: REMEDY,
      },
    ];
  }

  /** @returns what the leader asks for; nothing where it was not reached. Never rejects */
  async forward(report: unknown, authorization: string | undefined, address: string): Promise<readonly TargetId[]> {
    const leader = this.#options.leader();
    if (leader.kind === 'here') return [];
    if (leader.kind === 'unknown') return this.#drop('agents', 'no replica leads, or it does not say where it is');
    const { control } = leader;
    if (this.#underWay >= MOST_UNDER_WAY) return this.#drop(control, 'it is too slow');
    this.#underWay += 1;
    try {
      const answer = await (this.#options.fetch ?? fetch)(`${control}/api/v1/agents/reports`, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          [FORWARDED_HEADER]: address,
          ...(authorization === undefined ? {} : { authorization }),
        },
        body: JSON.stringify(report),
        signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
      });
      if (!answer.ok) return this.#drop(control, `it answered ${answer.status}`);
      this.#problem = undefined;
      return ((await answer.json()) as { readonly ask: readonly TargetId[] }).ask;
    } catch (error) {
      // `fetch` says only that it failed; what failed is its cause.
      const { cause } = error as { readonly cause?: unknown };
      return this.#drop(control, messageOf(cause ?? error));
    } finally {
      this.#underWay -= 1;
    }
  }

  #drop(where: string, why: string): readonly TargetId[] {
    this.#dropped += 1;
    this.#problem = { where, why };
    return [];
  }
}
