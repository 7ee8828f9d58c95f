import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Pod } from '@isthmus/servers';

/** One call; times in ms of the clock that all processes have in common. */
export interface LoadedCall {
  readonly method: 'GET' | 'POST';
  readonly way: 'sdk' | 'mesh';
  readonly began: number;
  readonly ended: number;
  readonly failure: string | undefined;
}

export interface PodLoadReport {
  readonly calls: readonly LoadedCall[];
}

export interface PodLoadOptions {
  /** For Node, before the file. */
  readonly flags?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** A number; by default the group of this process. */
  readonly group?: string | undefined;
}

/** A server or a caller in a pod, see `pod-load-main.ts`. */
export class PodLoad {
  readonly #child: ChildProcess;
  #log = '';

  private constructor(child: ChildProcess) {
    this.#child = child;
    child.stderr?.on('data', (chunk: Buffer) => (this.#log = (this.#log + chunk.toString()).slice(-20_000)));
  }

  /** @param args see `pod-load-main.ts` */
  static async start(pod: Pod, args: readonly string[], { flags = [], env = {}, group }: PodLoadOptions = {}): Promise<PodLoad> {
    const main = join(import.meta.dirname, 'pod-load-main.ts');
    const inGroup = group === undefined ? [] : ['setpriv', '--regid', group, '--clear-groups'];
    const [program = '', ...command] = pod.command([...inGroup, process.execPath, '--no-warnings', ...flags, main, ...args]);
    const child = spawn(program, command, { stdio: ['ignore', 'ignore', 'pipe', 'ipc'], env: { ...process.env, ...env } });
    const load = new PodLoad(child);
    await once(child, 'message', { signal: AbortSignal.timeout(30_000) });
    return load;
  }

  /** What it, and the agent before it, said. */
  get log(): string {
    return this.#log;
  }

  /** Calls that ended since the last time. */
  async take(): Promise<readonly LoadedCall[]> {
    const answer = once(this.#child, 'message', { signal: AbortSignal.timeout(30_000) });
    this.#child.send('take');
    const [{ calls }] = (await answer) as [PodLoadReport];
    return calls;
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await ended;
  }
}
