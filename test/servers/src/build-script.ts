/** Builds what only a shell script can: `recipes/<name>/build.sh`, run in the empty directory of the build. */
import { join } from 'node:path';
import { buildStep, type BuildContext } from './build-step.ts';

export async function buildByScript(context: BuildContext): Promise<void> {
  context.phase('building');
  await buildStep(context, ['bash', join(context.recipe, 'build.sh')]);
}
