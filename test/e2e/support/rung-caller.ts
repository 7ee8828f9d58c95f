import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

export interface CallsAsked {
  /** One logical call each. */
  readonly calls: readonly string[];
  readonly headers: Readonly<Record<string, string>>;
  /** By a client with retries of its own. */
  readonly retries?: boolean;
  /** What shares stick by at `stickyBy: key`. */
  readonly key?: string;
  /** 1 by default. */
  readonly atOnce?: number;
}

export interface CallEnd {
  readonly call: string;
  /** Or why there was none. */
  readonly status: number | string;
}

export interface WhereTargetIs {
  readonly target: string;
  readonly effective: string;
  readonly percent: number;
}

const REGISTER = join(import.meta.dirname, '../../../dist/packages/agent/agent/src/register.js');

/** An application in a process of its own, with the built agent before it; see `rung-caller-main.ts`. */
export class RungCaller {
  readonly #child: ChildProcess;
  #log = '';
  #calls = 0;

  private constructor(child: ChildProcess) {
    this.#child = child;
    child.stderr?.on('data', (chunk: Buffer) => (this.#log = (this.#log + chunk.toString()).slice(-20_000)));
  }

  /** @param env what the agent reads, `ISTHMUS_…` */
  static start(ports: readonly number[], env: Readonly<Record<string, string>>): RungCaller {
    return RungCaller.run('rung-caller-main.ts', ports.map(String), env);
  }

  /** By gRPC, see `rung-grpc-main.ts`. @param library the package of its `@grpc/grpc-js` */
  static byGrpc(library: string, target: string, env: Readonly<Record<string, string>>): RungCaller {
    return RungCaller.run('rung-grpc-main.ts', [library, target], env);
  }

  /** With a breaker of its own, see `legacy-main.ts`. */
  static legacy(ports: readonly number[], env: Readonly<Record<string, string>>): RungCaller {
    return RungCaller.run('legacy-main.ts', ports.map(String), env);
  }

  private static run(main: string, args: readonly string[], env: Readonly<Record<string, string>>): RungCaller {
    const child = fork(join(import.meta.dirname, main), args, {
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      execArgv: ['--conditions=source', '--no-warnings', '--require', REGISTER],
      env: { ...process.env, ...env },
    });
    return new RungCaller(child);
  }

  /** What the agent said. */
  get log(): string {
    return this.#log;
  }

  /** So many calls with these headers; each has a name of its own. */
  async call(
    count: number,
    headers: Readonly<Record<string, string>> = {},
    more: Partial<CallsAsked> = {},
  ): Promise<readonly CallEnd[]> {
    const calls = Array.from({ length: count }, () => `call-${(this.#calls += 1)}`);
    return (await this.#ask({ calls, headers, ...more } satisfies CallsAsked)) as readonly CallEnd[];
  }

  async where(): Promise<readonly WhereTargetIs[]> {
    return (await this.#ask('where')) as readonly WhereTargetIs[];
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await ended;
  }

  async #ask(message: CallsAsked | 'where'): Promise<unknown> {
    const answer = once(this.#child, 'message', { signal: AbortSignal.timeout(60_000) });
    this.#child.send(message);
    const [said] = (await answer) as [unknown];
    return said;
  }
}
