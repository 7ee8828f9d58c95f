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
  /** Not the text itself: it may have megabytes. */
  let last: string | undefined;
  const read = (): void => {
    try {
      const text = readFileSync(file, 'utf8');
      const seen = digestOf(text);
      if (seen === last) return;
      last = seen;
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

/** No secret, and node:crypto would cost a start 6 ms: length and two sums of 32 bits. */
function digestOf(text: string): string {
  let [one, two] = [0x811c9dc5, 0];
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    one = Math.imul(one ^ code, 0x01000193);
    two = Math.imul(two + code, 0x9e3779b1) ^ (two >>> 13);
  }
  return `${text.length} ${one} ${two}`;
}
