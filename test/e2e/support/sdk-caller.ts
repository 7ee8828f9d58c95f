import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

const REGISTER = join(import.meta.dirname, '../../../dist/packages/agent/agent/src/register.js');

/** What a caller did since it was last asked. */
export interface CallerReport {
  readonly calls: number;
  readonly failures: readonly string[];
  /** How often the service went from some instances to none. */
  readonly emptied: number;
  /** `path body` → count. */
  readonly bodies: Readonly<Record<string, number>>;
  /** Instances that it would call now, `host:port`. */
  readonly known: readonly string[];
}

/** An unchanged service with an SDK, in a process of its own; see `sdk-caller-main.ts`. */
export class SdkCaller {
  readonly kind: string;
  readonly #child: ChildProcess;

  private constructor(kind: string, child: ChildProcess) {
    this.kind = kind;
    this.#child = child;
  }

  /** @param env what the agent reads, `ISTHMUS_…`: it is put before the service; without it there is none */
  static start(
    kind: 'nacos' | 'consul' | 'eureka',
    port: number,
    service: string,
    env?: Readonly<Record<string, string>>,
  ): SdkCaller {
    const main = join(import.meta.dirname, 'sdk-caller-main.ts');
    const child = fork(main, [kind, `127.0.0.1:${port}`, service], {
      stdio: 'ignore',
      execArgv: ['--no-warnings', ...(env === undefined ? [] : ['--require', REGISTER])],
      env: { ...process.env, ...env },
    });
    return new SdkCaller(kind, child);
  }

  /** From now on it calls what the agent's handle of a target says, and no longer what its SDK finds. @param target undefined: the SDK again */
  callBy(target: string | undefined): void {
    this.#child.send({ target: target ?? '' });
  }

  async report(): Promise<CallerReport> {
    const answer = once(this.#child, 'message', { signal: AbortSignal.timeout(20_000) });
    this.#child.send('report');
    const [report] = (await answer) as [CallerReport];
    return report;
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await ended;
  }
}
