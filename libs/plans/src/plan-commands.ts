import type { Migration } from './migration.ts';
import { begin, climbed, obstaclesTo, obstaclesToEnd, rollBack } from './plan-machine.ts';
import type { Advance } from './plan-machine.ts';
import { describeStep } from './plan-state.ts';
import type { PlanStatus } from './plan-state.ts';
import type { StepEvidence } from './step-evidence.ts';

export const COMMANDS = ['pause', 'resume', 'promote', 'rollback'] as const;
export type PlanCommand = (typeof COMMANDS)[number];

/** Why a command does nothing, and what to do instead. */
export interface Refusal {
  readonly refused: string;
  readonly remedy: string;
}

/**
 * What somebody asks for. `promote` takes the next step though the gate of this one has not passed: that is what it is for; what
 * the next step itself needs (the proof of `retired`, policies that would be lost) it needs all the same.
 */
export function command(
  migration: Migration,
  status: PlanStatus,
  asked: PlanCommand,
  evidence: StepEvidence,
  now: number,
): Advance | Refusal {
  const { state } = status;
  const cause = { at: now, by: 'hand', why: `${asked} was asked for` } as const;
  switch (asked) {
    case 'pause': {
      if (state.kind !== 'running') return refusal(state.kind === 'paused' ? 'it is paused already' : notRunning(status));
      const paused = { ...state, kind: 'paused', at: now, by: 'hand', why: cause.why } as const;
      return {
        status: { ...status, state: paused },
        entries: [{ ...cause, what: `paused at ${describeStep(migration, state.step)}` }],
      };
    }
    case 'resume':
      if (state.kind === 'rolledBack') return begin(migration, evidence, cause);
      if (state.kind !== 'paused') return refusal(state.kind === 'running' ? 'it is running' : notRunning(status));
      return {
        // Time that it was paused does not count; a step whose gate was violated is measured again from its beginning.
        status: {
          ...status,
          state: { kind: 'running', step: state.step, since: state.by === 'hand' ? now - (state.at - state.since) : now },
        },
        entries: [{ ...cause, what: `went on with ${describeStep(migration, state.step)}` }],
      };
    case 'promote': {
      if (state.kind !== 'running' && state.kind !== 'paused') return refusal(notRunning(status));
      const next = migration.steps[state.step + 1];
      const obstacles = next === undefined ? obstaclesToEnd(migration, status, evidence) : obstaclesTo(migration, next, evidence);
      if (obstacles.length > 0) return { refused: obstacles.join('; '), remedy: 'isthmus plan get NAME tells what is missing' };
      return climbed(migration, status, evidence, { ...cause, why: 'promote was asked for; its gate was not waited for' });
    }
    case 'rollback':
      if (state.kind === 'rolledBack') return refusal('it is at sdk already');
      return rollBack(migration, status, cause);
    default:
      return asked satisfies never;
  }
}

function refusal(refused: string): Refusal {
  return { refused, remedy: 'isthmus plan get NAME tells where it is' };
}

function notRunning({ state }: PlanStatus): string {
  switch (state.kind) {
    case 'done':
      return 'it is done';
    case 'rolledBack':
      return 'it was rolled back; resume begins it again';
    case 'returning':
      return 'it is on its way back from retired';
    case 'running':
    case 'paused':
      return `it is ${state.kind}`;
    default:
      return state satisfies never;
  }
}
