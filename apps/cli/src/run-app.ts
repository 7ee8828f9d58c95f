import { spawn } from 'node:child_process';
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
  mustBeBuilt(app, entry);
  if (process.execve === undefined) {
    throw new CliError(EXIT.found, `this system cannot replace a process; run \`node ${entry} ${args.join(' ')}\` instead.`);
  }
  return process.execve(process.execPath, [process.execPath, '--enable-source-maps', ...SERVE_FLAGS, entry, ...args], {
    ...env,
  } as NodeJS.ProcessEnv);
}

export interface AppAnswer {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the app beside this process, which waits for it: where what it prints is not yet what the user asked for. */
export function askApp(
  app: AppName,
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  entry = builtEntry(app),
): Promise<AppAnswer> {
  mustBeBuilt(app, entry);
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--enable-source-maps', entry, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    const said = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'] as const) {
      child[name].setEncoding('utf8');
      child[name].on('data', (text: string) => (said[name] += text));
    }
    child.once('error', reject);
    child.once('close', (code) => resolve({ code: code ?? EXIT.found, ...said }));
  });
}

function mustBeBuilt(app: AppName, entry: string): void {
  if (existsSync(entry)) return;
  throw new CliError(EXIT.found, `the ${app} is not built: ${entry} is missing. Run \`npm run build\`, then try again.`);
}
