import type { OutputPlan, PlannedWrite } from '@isthmus/model';
import { terminalSafe } from '../terminal-safe.ts';
import { lineDiff } from './line-diff.ts';

/** As `diff -u` and `terraform plan` have it: what would be written, why some would not, and a line with the counts. */
export function planText(plan: OutputPlan): string {
  const lines = [plan.output];
  const section = (sign: string, writes: readonly PlannedWrite[]): void => {
    for (const { name, before = '', after = '' } of writes) {
      lines.push(`  ${sign} ${terminalSafe(name)}`);
      for (const line of lineDiff(before, after)) lines.push(`      ${terminalSafe(line)}`);
    }
  };
  section('+', plan.creates);
  section('~', plan.updates);
  section('-', plan.deletes);
  for (const { where, what, remedy } of plan.diagnostics)
    lines.push(`  ! ${terminalSafe(`${where}: ${what}`)}`, `      try: ${terminalSafe(remedy)}`);
  const { creates, updates, deletes, unchanged } = plan;
  lines.push(
    `  ${creates.length} to create, ${updates.length} to change, ${deletes.length} to delete, ${unchanged} as they should be`,
  );
  return `${lines.join('\n')}\n`;
}
