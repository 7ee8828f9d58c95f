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
