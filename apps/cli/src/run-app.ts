import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { CliError, EXIT } from './exit-code.ts';

/** Programs that the CLI starts but does not import: apps never import each other. */
export type AppName = 'bridge' | 'lab';

/** Where `nest build` puts an app, seen from this file, built (dist/apps/cli/apps/cli/src) or not (apps/cli/src). */
export function builtEntry(app: AppName, from: string = import.meta.url): string {
  const dist = from.endsWith('.ts') ? '../../../dist/apps/' : '../../../../';
  return fileURLToPath(new URL(`${dist}${app}/apps/${app}/src/main.js`, from));
}

/**
 * MB. While a registry is read for the first time nearly all that is young lives on, and each collection of the young
 * generation copies it in one turn of the event loop: 16 MB of it are 27 ms, 4 MB are 7, and 100 MB of memory less
 * (Eureka, 10,000 × 10, `npm run bench`).
 */
const YOUNG_GENERATION = ['--max-semi-space-size=4', '--min-semi-space-size=1'];

/**
 * Replaces this process by the app (execve): signals, stdio, process id and exit code are the app's own, and
 * nothing is left behind that could be killed apart from it. Does not return.
 */
export function becomeApp(
  app: AppName,
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  entry = builtEntry(app),
): never {
  if (!existsSync(entry)) {
    throw new CliError(EXIT.found, `the ${app} is not built: ${entry} is missing. Run \`npm run build\`, then try again.`);
  }
  if (process.execve === undefined) {
    throw new CliError(EXIT.found, `this system cannot replace a process; run \`node ${entry} ${args.join(' ')}\` instead.`);
  }
  return process.execve(process.execPath, [process.execPath, '--enable-source-maps', ...YOUNG_GENERATION, entry, ...args], {
    ...env,
  } as NodeJS.ProcessEnv);
}
