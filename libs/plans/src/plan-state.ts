import { positionOf } from '@isthmus/ladder';
import type { Position } from '@isthmus/ladder';
import type { Migration, Step } from './migration.ts';
import type { Withdrawal } from './withdrawal.ts';

/** Where a plan is. `step` counts from 0; times are ms since the epoch. */
export type PlanState =
  /** `since`: when the step began, or was taken up again. */
  | { readonly kind: 'running'; readonly step: number; readonly since: number }
  /** Its position holds. By hand it goes on where it was; after a gate the step begins again. */
  | {
      readonly kind: 'paused';
      readonly step: number;
      readonly since: number;
      readonly at: number;
      readonly by: 'hand' | 'gate';
      readonly why: string;
    }
  /** The last step has passed; its position holds. */
  | { readonly kind: 'done'; readonly step: number; readonly since: number }
  /** On the way back from `retired`: at `resilience` until the target is registered again (`withdrawal`). `gone`: the plan itself goes then. */
  | { readonly kind: 'returning'; readonly since: number; readonly why: string; readonly gone: boolean }
  /** At `sdk`. */
  | { readonly kind: 'rolledBack'; readonly since: number; readonly from: number; readonly why: string };

/** What the SDK's calls were like in the last step that had enough of them: to compare with where there are none any more. */
export interface Reference {
  readonly calls: number;
  readonly failures: number;
  /** ms; undefined where it lies above all bounds. */
  readonly p99?: number;
}

export interface PlanStatus {
  readonly state: PlanState;
  readonly reference?: Reference;
  /** Providers were told to deregister; kept until they are registered again. Only at `retired` and on its way back. */
  readonly withdrawal?: Withdrawal;
}

export interface AuditEntry {
  /** ms since the epoch. */
  readonly at: number;
  /** `gate` and `time`: the plan by itself; `hand`: somebody asked; `file`: its file changed. */
  readonly by: 'gate' | 'time' | 'hand' | 'file';
  readonly what: string;
  readonly why: string;
}

/** What its agents are told to be at. */
export function positionIn({ steps }: Migration, state: PlanState): Position {
  switch (state.kind) {
    case 'running':
    case 'paused':
    case 'done': {
      const step = steps[state.step];
      return step === undefined ? positionOf('sdk') : positionOf(step.rung, step.percent, step.hand);
    }
    case 'returning':
      return positionOf('resilience');
    case 'rolledBack':
      return positionOf('sdk');
    default:
      return state satisfies never;
  }
}

export function stepOf({ steps }: Migration, state: PlanState): Step | undefined {
  return 'step' in state ? steps[state.step] : undefined;
}

export function isRetired(migration: Migration, state: PlanState): boolean {
  return stepOf(migration, state)?.rung === 'retired';
}

/** What its providers are told to keep out of their registries. @param migration undefined: this version does not understand it */
export function withdrawnIn(migration: Migration | undefined, { state, withdrawal }: PlanStatus): Withdrawal['registrations'] {
  if (withdrawal === undefined) return [];
  const isOut = migration === undefined ? 'step' in state : isRetired(migration, state);
  return isOut ? withdrawal.registrations : [];
}

/** `step 3 of 7, traffic 5 %` */
export function describeStep({ steps }: Migration, index: number): string {
  const step = steps[index];
  if (step === undefined) return `step ${index + 1} of ${steps.length}`;
  const share = step.percent === 100 ? '' : ` ${step.percent} %`;
  return `step ${index + 1} of ${steps.length}, ${step.rung}${share}`;
}

/** What the ledger keeps of a plan, by its name. */
export interface PlanRow {
  /** As it was written (`migrationFrom`). */
  readonly document: unknown;
  /** `file`: its file owns the spec. */
  readonly origin: 'file' | 'api';
  readonly status: PlanStatus;
  /** The newest last, at most `MOST_ENTRIES`. */
  readonly audit: readonly AuditEntry[];
}

const MOST_ENTRIES = 50;

export function withEntries(audit: readonly AuditEntry[], entries: readonly AuditEntry[]): readonly AuditEntry[] {
  return [...audit, ...entries].slice(-MOST_ENTRIES);
}
