import type { Decision } from '../decision-table.ts';
import type { Diagnostics } from '../diagnostics.ts';
import type { Place } from '../sidecar-probe.ts';
import type { HeaderReader } from '../sticky.ts';

/** What a seam of a client needs of the agent. Each of them may throw: the call then goes where the SDK sent it. */
export interface ClientSeam {
  readonly egress: Place;
  readonly decide: (host: string, port: number, read: HeaderReader, carrier: unknown) => Decision;
  readonly failed: (outcome: 'bad' | 'dead') => void;
  readonly diagnostics: Pick<Diagnostics, 'report'>;
}

/** Says that a call stays where it is although the plan wants it to move; once a minute for each place. */
export function notMovable(seam: ClientSeam, where: string, message: string, remedy: string): void {
  seam.diagnostics.report({ code: 'not-movable', where, message, remedy });
}

/** Says that the agent itself has a fault. @param where the seam */
export function agentFault(seam: ClientSeam, where: 'http' | 'undici' | 'grpc' | 'nest', error: unknown): void {
  seam.diagnostics.report({
    code: 'agent-fault',
    where,
    message: `a call was left to the SDK: ${(error as Error).message}`,
    remedy: 'report it to the maintainers of the agent',
  });
}

/** Says that another copy of the agent has this seam already: one process has one agent. */
export function secondAgent(seam: ClientSeam, where: 'http' | 'undici'): void {
  seam.diagnostics.report({
    code: 'second-agent',
    where,
    message: 'another copy of the agent in this process moves these calls already; this one leaves them alone',
    remedy: 'start one agent: --require @isthmus/agent/register, or startAgent, not both, and one version of the package',
  });
}
