import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

const MAIN = join(import.meta.dirname, '../../../dist/apps/cli/apps/cli/src/main.js');

export interface CliOutcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliRun {
  /** The process is the command's own from start to end: `serve` becomes the bridge. */
  kill(signal: NodeJS.Signals): void;
  readonly ended: Promise<CliOutcome>;
}

/** What V8 made of its modules, from one of our processes to the next (tools/paths.mjs): else a start compiles for 0.1 to 1 s of CPU. */
const compiled = process.env['NODE_COMPILE_CACHE'];

/** The built CLI as users run it. `env` is all of its environment but PATH and that cache. */
export function startCli(
  args: readonly string[],
  options: { readonly cwd: string; readonly env?: Record<string, string> },
): CliRun {
  if (!existsSync(MAIN)) throw new Error('the CLI is not built; run `npm run build`');
  const child = spawn(process.execPath, [MAIN, ...args], {
    cwd: options.cwd,
    env: { PATH: process.env['PATH'], ...(compiled === undefined ? {} : { NODE_COMPILE_CACHE: compiled }), ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const ended = new Promise<CliOutcome>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, stdout, stderr }));
  });
  return { kill: (signal) => void child.kill(signal), ended };
}
