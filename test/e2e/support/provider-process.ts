import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

const REGISTER = join(import.meta.dirname, '../../../dist/packages/agent/agent/src/register.js');

/** A service that is registered by its SDK, started with the built agent before it; see `provider-main.ts`. */
export class ProviderProcess {
  readonly port: number;
  readonly #child: ChildProcess;
  readonly #log: () => string;

  private constructor(child: ChildProcess, port: number, log: () => string) {
    this.#child = child;
    this.port = port;
    this.#log = log;
  }

  /** Resolves when it is registered. */
  static async start(
    kind: 'nacos' | 'consul' | 'eureka',
    registryPort: number,
    service: string,
    env: Readonly<Record<string, string>>,
  ): Promise<ProviderProcess> {
    const child = fork(join(import.meta.dirname, 'provider-main.ts'), [kind, `127.0.0.1:${registryPort}`, service], {
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      execArgv: ['--no-warnings', '--require', REGISTER],
      env: { ...process.env, ...env },
    });
    let log = '';
    child.stderr?.on('data', (chunk: Buffer) => (log = (log + chunk.toString()).slice(-20_000)));
    const ended = once(child, 'exit').then(() => Promise.reject(new Error(`the provider ended: ${log}`)));
    const [{ port }] = (await Promise.race([once(child, 'message'), ended])) as [{ port: number }];
    ended.catch(() => undefined);
    return new ProviderProcess(child, port, () => log);
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get log(): string {
    return this.#log();
  }

  /** @returns what it ended by, a signal or a code */
  async terminate(): Promise<NodeJS.Signals | number | null> {
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGTERM');
    const [code, signal] = (await ended) as [number | null, NodeJS.Signals | null];
    return signal ?? code;
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await ended;
  }
}
