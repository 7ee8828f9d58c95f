import { join } from 'node:path';
import { buildStep, fetchStep, type BuildContext } from './build-step.ts';
import type { Recipe } from './versions.ts';

/** npm checks the package's hash against the registry's; no script of it is run. */
export async function buildNpm(context: BuildContext, recipe: Extract<Recipe, { kind: 'npm' }>): Promise<void> {
  context.phase('fetching');
  const flags = ['--ignore-scripts', '--no-save', '--no-package-lock', '--no-audit', '--no-fund', '--prefix', '.'];
  await fetchStep(context, ['npm', 'install', ...flags, `${recipe.package}@${context.version}`]);
  await buildStep(context, [join(context.dir, recipe.program), '--version']);
}
