import { formatCondition, GATES, holds } from './gate-expression.ts';
import type { Condition, GateName } from './gate-expression.ts';
import type { ArmTotals } from './fleet-view.ts';
import type { Step } from './migration.ts';
import { percentile } from './percentile.ts';
import type { Reference } from './plan-state.ts';
import type { StepEvidence } from './step-evidence.ts';

/** Below this nothing is decided where the gate does not say `samples`. */
const LEAST_CALLS = 100;
const LEAST_COMPARISONS = 10;

export interface GateResult {
  readonly gate: GateName;
  readonly condition: string;
  /** Undefined: it cannot be said yet. */
  readonly measured?: number;
  /** `unknown` never passes, and never fails a step. */
  readonly outcome: 'holds' | 'violated' | 'unknown';
  /** Why it is unknown. */
  readonly why?: string;
}

type Measured = number | { readonly unknown: string };

/** Each condition of a step's gate, in the order of `GATES`. */
export function judge(step: Step, evidence: StepEvidence, reference: Reference | undefined): readonly GateResult[] {
  return GATES.flatMap((gate) => {
    const condition = step.gate[gate];
    if (condition === undefined) return [];
    return result(gate, condition, measure(gate, step, evidence, reference));
  });
}

/** What later steps compare with when no call is the SDK's any more: this step's, if there were enough. */
export function referenceOf(step: Step, { sdk }: StepEvidence, before: Reference | undefined): Reference | undefined {
  return isEnough(step, sdk) ? summaryOf(sdk) : before;
}

function result(gate: GateName, condition: Condition, measured: Measured): GateResult {
  const text = formatCondition(condition);
  if (typeof measured !== 'number') return { gate, condition: text, outcome: 'unknown', why: measured.unknown };
  // Sums of fractions: 1.2 is meant where 1.2000000000000002 comes out.
  const rounded = Number.isFinite(measured) ? Number(measured.toPrecision(9)) : Number.MAX_VALUE;
  if (holds(condition, rounded)) return { gate, condition: text, measured: rounded, outcome: 'holds' };
  if (gate !== 'samples') return { gate, condition: text, measured: rounded, outcome: 'violated' };
  return { gate, condition: text, measured: rounded, outcome: 'unknown', why: `only ${rounded} samples` };
}

function measure(gate: GateName, step: Step, evidence: StepEvidence, reference: Reference | undefined): Measured {
  const { mesh, views } = evidence;
  switch (gate) {
    case 'samples':
      return step.rung === 'shadow' ? views.comparisons : mesh.calls;
    case 'similarity': {
      const enough = step.rung === 'shadow' && step.gate.samples !== undefined ? step.gate.samples : AT_LEAST_COMPARISONS;
      if (!holds(enough, views.comparisons)) return { unknown: `only ${views.comparisons} comparisons of views` };
      return views.union > 0 ? views.matched / views.union : { unknown: 'neither view has an endpoint' };
    }
    case 'attemptsPerRequest':
      return isEnough(step, mesh) ? mesh.attempts / mesh.calls : { unknown: tooFew('through the mesh', mesh) };
    case 'errorRateDelta':
      return compared(step, evidence, reference, (through, own) => through.failures / through.calls - own.failures / own.calls);
    case 'p99Ratio':
      return compared(step, evidence, reference, (through, own) => {
        if (own.p99 === undefined) return { unknown: 'the 99th percentile of the SDK lies above all bounds' };
        return (through.p99 ?? Number.POSITIVE_INFINITY) / own.p99;
      });
    default:
      return gate satisfies never;
  }
}

function compared(
  step: Step,
  { sdk, mesh }: StepEvidence,
  reference: Reference | undefined,
  of: (through: Reference, own: Reference) => Measured,
): Measured {
  if (!isEnough(step, mesh)) return { unknown: tooFew('through the mesh', mesh) };
  const own = isEnough(step, sdk) ? summaryOf(sdk) : reference;
  return own === undefined ? { unknown: tooFew('of the SDK to compare with', sdk) } : of(summaryOf(mesh), own);
}

function summaryOf({ calls, failures, latency }: ArmTotals): Reference {
  const p99 = percentile(latency, 0.99);
  return { calls, failures, ...(p99 === undefined ? {} : { p99 }) };
}

function isEnough({ rung, gate: { samples } }: Step, { calls }: ArmTotals): boolean {
  return holds(samples === undefined || rung === 'shadow' ? AT_LEAST_CALLS : samples, calls);
}

function tooFew(which: string, { calls }: ArmTotals): string {
  return `only ${calls} calls ${which}`;
}

const AT_LEAST_CALLS: Condition = { op: '>=', value: LEAST_CALLS };
const AT_LEAST_COMPARISONS: Condition = { op: '>=', value: LEAST_COMPARISONS };
