import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { spawnGuarded } from './guard.ts';
import { tail } from './log-file.ts';

export interface BuildContext {
  /** Empty, ours, and renamed into the cache when all steps are done. */
  readonly dir: string;
  /** The committed recipe's folder; it does not exist for wheels. */
  readonly recipe: string;
  readonly version: string;
  readonly phase: (phase: 'fetching' | 'building') => void;
  readonly signal: AbortSignal | undefined;
}

export class BuildError extends Error {
  constructor(command: readonly string[], code: number, output: string) {
    super(`\`${command.slice(0, 4).join(' ')} …\` ended with code ${code}\n${output}`);
    this.name = 'BuildError';
  }
}

/** Runs one command of a build in `context.dir`; its output is only seen when it fails. @throws {BuildError} */
export async function buildStep(context: BuildContext, command: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<void> {
  context.signal?.throwIfAborted();
  const logPath = join(context.dir, 'build.log');
  const output = openSync(logPath, 'a');
  const child = await spawnGuarded(command, {
    cwd: context.dir,
    output,
    env: { ...process.env, ...env },
    removeWhenOrphaned: context.dir,
  }).finally(() => closeSync(output));
  const giveUp = (): void => void child.killGroup();
  context.signal?.addEventListener('abort', giveUp, { once: true });
  const { code } = await child.exited;
  context.signal?.removeEventListener('abort', giveUp);
  context.signal?.throwIfAborted();
  if (code !== 0) throw new BuildError(command, code, tail(logPath, 40));
}

/** A second cut in a row happens; a third means that something else is wrong. */
const fetchTries = 3;

/**
 * The same for a command that downloads. One connection that is cut in the middle ends pip, Maven and Go with an error (seen with pip
 * 23.2, Maven 3.8.7, Go 1.26). What each had finished is in its own cache by then: another try costs the one file that was cut.
 */
export async function fetchStep(context: BuildContext, command: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<void> {
  for (let left = fetchTries - 1; left > 0; left -= 1) {
    try {
      return await buildStep(context, command, env);
    } catch (error) {
      if (!(error instanceof BuildError)) throw error;
    }
  }
  return buildStep(context, command, env);
}
