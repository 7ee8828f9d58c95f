import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

const AGENT = join(import.meta.dirname, '../../../../dist/packages/agent');

export interface MatrixClient {
  readonly id: string;
  readonly kind: string;
  /** A package of the application; none for what Node has. */
  readonly module?: string;
}

export interface MatrixAppOptions {
  readonly node: string;
  readonly modules: 'cjs' | 'mjs';
  readonly clients: readonly MatrixClient[];
  /** `address:port` that the SDK knows. */
  readonly instance: string;
  readonly env: Readonly<Record<string, string>>;
}

interface View {
  readonly target: string;
  readonly effective: string;
}

/** An application on a Node of its own with the built agent before it; see run.cjs. */
export class MatrixApp {
  readonly version: string;
  readonly #child: ChildProcess;
  readonly #said: () => string;

  private constructor(child: ChildProcess, said: () => string, version: string) {
    this.#child = child;
    this.#said = said;
    this.version = version;
  }

  static async start({ node, modules, clients, instance, env }: MatrixAppOptions): Promise<MatrixApp> {
    const told = JSON.stringify({ agent: AGENT, clients, instance });
    const child = fork(join(import.meta.dirname, `app.${modules}`), [told], {
      execPath: node,
      execArgv: ['--require', join(AGENT, 'agent/src/register.js')],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      env: { PATH: process.env['PATH'], ...env },
    });
    let said = '';
    child.stderr?.on('data', (chunk: Buffer) => (said = (said + chunk.toString()).slice(-10_000)));
    const answer = (await answered(child, () => said)) as { readonly started?: string; readonly fatal?: string };
    if (answer.started === undefined) throw new Error(`the application did not start: ${answer.fatal}\n${said}`);
    return new MatrixApp(child, () => said, answer.started);
  }

  /** What the agent said. */
  get log(): string {
    return this.#said();
  }

  async rungs(): Promise<readonly string[]> {
    const { view } = (await this.#ask({ view: true })) as { readonly view: readonly View[] };
    return view.map(({ effective }) => effective);
  }

  /** Calls by each client in turn. @returns what failed, by client */
  async call(calls: number): Promise<Readonly<Record<string, readonly string[]>>> {
    const { results } = (await this.#ask({ calls })) as { readonly results: Readonly<Record<string, readonly string[]>> };
    return results;
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await ended;
  }

  #ask(question: object): Promise<unknown> {
    const answer = answered(this.#child, this.#said);
    this.#child.send(question);
    return answer;
  }
}

async function answered(child: ChildProcess, said: () => string): Promise<unknown> {
  const end = new AbortController();
  const ended = once(child, 'exit', { signal: end.signal }).then(([code]) => {
    throw new Error(`the application ended with ${code}: ${said()}`);
  });
  try {
    const [message] = (await Promise.race([once(child, 'message', { signal: AbortSignal.timeout(60_000) }), ended])) as [unknown];
    return message;
  } finally {
    ended.catch(() => undefined);
    end.abort();
  }
}
