import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

export interface AgentCallerReport {
  readonly calls: number;
  readonly failures: readonly string[];
}

const REGISTER = join(import.meta.dirname, '../../../dist/packages/agent/agent/src/register.js');

/** A service with npm `nacos`, started with the built agent before it; see `agent-caller-main.ts`. */
export class AgentCaller {
  readonly #child: ChildProcess;
  #log = '';

  private constructor(child: ChildProcess) {
    this.#child = child;
    child.stderr?.on('data', (chunk: Buffer) => (this.#log = (this.#log + chunk.toString()).slice(-20_000)));
  }

  /**
   * @param env what the agent reads, `ISTHMUS_…`
   * @param register what is put before it
   * @throws {Error} where that is not built: a process without it would end at once, and what waits for its calls only much later
   */
  static start(nacosPort: number, service: string, env: Readonly<Record<string, string>>, register = REGISTER): AgentCaller {
    if (!existsSync(register)) throw new Error(`the agent is not built: there is no ${register}; run \`npm run build\``);
    const child = fork(join(import.meta.dirname, 'agent-caller-main.ts'), [`127.0.0.1:${nacosPort}`, service], {
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      execArgv: ['--no-warnings', '--require', register],
      env: { ...process.env, ...env },
    });
    return new AgentCaller(child);
  }

  /** Undefined once it has ended. */
  get pid(): number | undefined {
    return this.#child.exitCode === null && this.#child.signalCode === null ? this.#child.pid : undefined;
  }

  /** What the agent said. */
  get log(): string {
    return this.#log;
  }

  /** What was called since the last report. */
  async report(): Promise<AgentCallerReport> {
    const answer = once(this.#child, 'message', { signal: AbortSignal.timeout(20_000) });
    this.#child.send('report');
    const [report] = (await answer) as [AgentCallerReport];
    return report;
  }

  async stop(): Promise<void> {
    if (this.pid === undefined) return;
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await ended;
  }
}
