import { readFileSync } from 'node:fs';
import type { AgentPlan } from '@isthmus/contract';
import type { Diagnostics } from './diagnostics.ts';
import { readPlan } from './read-plan.ts';
import { watchEntry } from './watch-entry.ts';

/**
 * Follows `ISTHMUS_PLAN_FILE`: reads it now and whenever it, or a link on the way to it, changes. One that cannot be read or used
 * leaves the plan in force as it is.
 * @returns ends it
 */
export function followPlanFile(file: string, adopt: (plan: AgentPlan) => void, diagnostics: Diagnostics): () => void {
  let last: string | undefined;
  const read = (): void => {
    try {
      const text = readFileSync(file, 'utf8');
      if (text === last) return;
      last = text;
      const result = readPlan(text);
      if (result.ok) adopt(result.plan);
      else refused(result.why);
    } catch (error) {
      refused((error as Error).message);
    }
  };
  const refused = (message: string): void =>
    diagnostics.report({
      code: 'plan-refused',
      where: file,
      message,
      remedy: 'the plan before it stays in force; write the file anew, it is watched',
    });
  read();
  try {
    // A ConfigMap changes the link `..data` beside the file.
    return watchEntry({ path: file, also: '..data', changed: read, lost: refused });
  } catch (error) {
    refused(`it cannot be watched: ${(error as Error).message}`);
    return () => undefined;
  }
}
