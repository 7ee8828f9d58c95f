import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { CliError, EXIT } from './exit-code.ts';
import { SERVE_FLAGS } from './serve-flags.ts';

/** Programs that the CLI starts but does not import: apps never import each other. */
export type AppName = 'bridge' | 'lab';

/** Where `nest build` puts an app, seen from this file, built (dist/apps/cli/apps/cli/src) or not (apps/cli/src). */
export function builtEntry(app: AppName, from: string = import.meta.url): string {
  const dist = from.endsWith('.ts') ? '../../../dist/apps/' : '../../../../';
  return fileURLToPath(new URL(`${dist}${app}/apps/${app}/src/main.js`, from));
}

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
  return process.execve(process.execPath, [process.execPath, '--enable-source-maps', ...SERVE_FLAGS, entry, ...args], {
    ...env,
  } as NodeJS.ProcessEnv);
}
