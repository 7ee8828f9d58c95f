import { formatProblem } from '@isthmus/config';
import type { ReadMigrations, WrittenMigration } from '@isthmus/plans';
import type { BridgeConfig } from '../engine/bridge-config.ts';
import { overlapOf } from './plan-entry.ts';
import { openPlanDirectory } from './plan-files.ts';

export interface PlansCheck {
  readonly plans: number;
  /** Each as `isthmus check` prints it, by place. */
  readonly problems: readonly string[];
}

/** All that is wrong with the plans of `plans.dir`; whether their targets exist is not looked at. */
export async function checkPlans({ plans: { dir } }: BridgeConfig): Promise<PlansCheck> {
  if (dir === undefined) return { plans: 0, problems: [] };
  const files = new Map<string, ReadMigrations>();
  let trouble: string | undefined;
  await openPlanDirectory(dir, {
    onFiles: (changed) => {
      for (const [path, file] of changed) if (file !== undefined) files.set(path, file);
    },
    onTrouble: (what) => (trouble = what),
  }).scan();
  const read = [...files].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, file]) => file);
  const plans = read.flatMap((file) => file.plans);
  const unreadable =
    trouble === undefined ? [] : [said(dir, trouble, 'no plan in it is known', 'correct `plans.dir`, or make the directory')];
  const problems = [...unreadable, ...read.flatMap((file) => file.problems.map(formatProblem)), ...contradictions(plans)];
  return { plans: plans.length, problems };
}

/** Names that are there twice, and plans of one target and consumer. */
function* contradictions(plans: readonly WrittenMigration[]): Generator<string> {
  for (const [at, plan] of plans.entries()) {
    const { name } = plan.migration;
    const same = plans.findIndex((other) => other.migration.name === name);
    if (same < at)
      yield said(plan.place, `plan ${name} is at ${plans[same]?.place} already`, 'a name is one plan', 'rename one of the two');
    const other = plans
      .slice(0, at)
      .find(
        ({ migration }) =>
          migration.name !== name &&
          overlapOf({ migration, facts: undefined }, { migration: plan.migration, facts: undefined }).length > 0,
      );
    if (other !== undefined)
      yield said(
        plan.place,
        `plan ${name} has the target of plan ${other.migration.name} (${other.place}) for one of its consumers`,
        'with two plans nobody could say where a call is',
        'join the two, or give them different consumers',
      );
  }
}

function said(place: string, what: string, why: string, remedy: string): string {
  return `${place}: ${what}\n    why: ${why}\n    try: ${remedy}`;
}
