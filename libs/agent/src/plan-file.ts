import { readFileSync, watch } from 'node:fs';
import { basename, dirname } from 'node:path';
import type { AgentPlan } from '@isthmus/contract';
import type { Diagnostics } from './diagnostics.ts';
import { readPlan } from './read-plan.ts';

/** An editor and a ConfigMap change a file by several steps; what is read after this is whole. */
const SETTLED_AFTER_MS = 20;

/**
 * Follows `ISTHMUS_PLAN_FILE`: reads it now and whenever it, or a link on the way to it, changes. One that cannot be read or used
 * leaves the plan in force as it is.
 * @returns ends it
 */
export function followPlanFile(file: string, adopt: (plan: AgentPlan) => void, diagnostics: Diagnostics): () => void {
  let last: string | undefined;
  let timer: NodeJS.Timeout | undefined;
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
    // The directory: a file that is replaced takes its own watch with it. A ConfigMap changes the link `..data` beside it.
    const watcher = watch(dirname(file), (_event, name) => {
      if (name !== null && name !== basename(file) && name !== '..data') return;
      clearTimeout(timer);
      timer = setTimeout(read, SETTLED_AFTER_MS);
      timer.unref();
    });
    watcher.on('error', (error) => refused(`it is no longer watched: ${error.message}`));
    watcher.unref();
    return () => {
      clearTimeout(timer);
      watcher.close();
    };
  } catch (error) {
    refused(`it cannot be watched: ${(error as Error).message}`);
    return () => undefined;
  }
}
