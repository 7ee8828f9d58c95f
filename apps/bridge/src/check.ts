import { formatProblems, loadConfig } from '@isthmus/config';
import { registryKinds } from './registries.ts';

/** `isthmus check`: every error of a config at once. 0: valid, 1: not. */
export async function check(file: string): Promise<number> {
  const result = await loadConfig(file, { kinds: registryKinds });
  if (!result.ok) {
    process.stdout.write(`${formatProblems(result.problems)}\n`);
    return 1;
  }
  process.stdout.write(
    `${file}: valid; ${result.config.registries.length} registries, outputs: ${Object.keys(result.config.outputs).join(', ') || 'none'}\n`,
  );
  return 0;
}
