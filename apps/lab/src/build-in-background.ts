import { closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { cacheRoot, readProgress, spawnGuarded, tail, type OnProgress, type ServerName } from '@isthmus/servers';

export interface BackgroundBuild {
  readonly server: ServerName;
  /** The checkout. */
  readonly root: string;
  readonly logFile: string;
  readonly onProgress: OnProgress;
  /** Aborted: the build ends; what Go has compiled so far stays in its cache for the next time. */
  readonly signal: AbortSignal;
}

const lookEveryMs = 1_000;

/**
 * Builds a server in a process of the lowest priority: a compiler on all cores would slow down the services that one watches meanwhile.
 * @throws {Error} with the end of its log.
 */
export async function buildInBackground({ server, root, logFile, onProgress, signal }: BackgroundBuild): Promise<void> {
  mkdirSync(dirname(logFile), { recursive: true });
  const output = openSync(logFile, 'a');
  const command = [process.execPath, '--conditions=source', join(root, 'test/servers/src/provision.ts'), '--nice', server];
  const child = await spawnGuarded(command, { cwd: root, output }).finally(() => closeSync(output));
  const stop = (): void => void child.killGroup();
  signal.addEventListener('abort', stop, { once: true });
  if (signal.aborted) stop();
  const looking = setInterval(() => {
    void readProgress(cacheRoot(), server).then((progress) => {
      if (progress !== undefined && progress.phase !== 'ready' && progress.phase !== 'failed') onProgress(progress);
    });
  }, lookEveryMs);
  const { code } = await child.exited;
  clearInterval(looking);
  signal.removeEventListener('abort', stop);
  if (code !== 0) throw new Error(`${server} could not be built; the end of ${logFile}:\n${tail(logFile, 20)}`);
}
