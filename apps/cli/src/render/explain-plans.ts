import type { ExplainedPlan, ExplainedProcess, ExplainedWithdrawal } from '@isthmus/contract';
import { positionText } from './plans.ts';
import type { Branch } from './tree.ts';
import { ago, count } from './words.ts';

/** Of a fleet the first are shown, those that are not where the plan wants them before others; `-o json` has more. */
const MOST_PROCESSES = 20;

/** The plans of a host: what its consumers shall do, what they do, and why not. @param now milliseconds since the epoch */
export function planBranches(plans: readonly ExplainedPlan[] | undefined, now: number): readonly Branch[] {
  return (plans ?? []).map((plan) => {
    const { processes, last } = plan;
    const rest = processes.length - MOST_PROCESSES;
    const children = [
      ...(plan.why === undefined ? [] : [{ text: `${plan.state}: ${plan.why}` }]),
      ...plan.waitsFor.map((why) => ({ text: `waits: ${why}` })),
      ...(processes.length === 0 && plan.state !== 'waiting'
        ? [{ text: 'no agent of its consumers was heard of within the last hour' }]
        : []),
      ...processes.slice(0, MOST_PROCESSES).map((one) => ({ text: processText(one, plan, now) })),
      ...(rest > 0 ? [{ text: `and ${rest} more (isthmus get agents)` }] : []),
      ...plan.withdrawn.map((one) => ({ text: withdrawalText(one) })),
      ...(last === undefined ? [] : [{ text: `last, ${ago(now, last.at)} ago by ${last.by}: ${last.what} (${last.why})` }]),
    ];
    return { text: planText(plan, now), children };
  });
}

/** What to look at, and the way back. */
export function planNotes(plans: readonly ExplainedPlan[] | undefined): readonly string[] {
  return (plans ?? []).flatMap((plan) => {
    const { name, processes, state } = plan;
    const behind = processes.filter(({ why }) => why !== undefined).length;
    if (behind === 0 || state === 'waiting') return [];
    const who = `${behind} of ${count(processes.length, 'process', 'processes')}`;
    return [
      `! plan ${name}: ${who} ${behind === 1 ? 'is' : 'are'} not known to be at ${positionText(plan)}.\n` +
        `  Everyone back to the SDK, now: isthmus plan rollback ${name}`,
    ];
  });
}

function planText(plan: ExplainedPlan, now: number): string {
  const { name, port, consumers, state, step, steps, since, agents } = plan;
  const at = port === undefined ? '' : ` (port ${port})`;
  const who = consumers.includes('*') ? 'all callers' : `callers ${consumers.join(', ')}`;
  const where = step === undefined ? '' : `, step ${step} of ${steps}`;
  const acknowledged = agents.connected === 0 ? '' : `, acknowledged by ${agents.acknowledged} of ${agents.connected} connected`;
  return `plan ${name}${at} wants ${who} at ${positionText(plan)}: ${state}${where} for ${ago(now, since)}${acknowledged}`;
}

function processText(process: ExplainedProcess, plan: ExplainedPlan, now: number): string {
  const { service, instance, effective, why, acknowledgedAt } = process;
  const at = effective === undefined ? 'at an unknown rung' : `at ${positionText(effective)}`;
  const isThere = effective !== undefined && positionText(effective) === positionText(plan);
  const lower = why === undefined ? '' : isThere ? `: ${why}` : `, not at ${positionText(plan)}: ${why}`;
  const said = acknowledgedAt === undefined ? 'never acknowledged' : `acknowledged ${ago(now, acknowledgedAt)} ago`;
  return `${service}/${instance}  ${at}${lower}  ${said}`;
}

function withdrawalText({ registry, sdkName, state, before, listed }: ExplainedWithdrawal): string {
  const now = listed === undefined ? 'what it lists now cannot be read' : `lists ${listed} now`;
  const what = state === 'out' ? 'taken out of' : 'comes back to';
  return `${what} ${registry}: ${sdkName}, ${count(before, 'instance')} before, ${now}`;
}
