import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { AgentTarget, ViewEndpoint } from '@isthmus/contract';
import type { MatrixClient, Modules } from './cells.ts';

const AGENT = join(import.meta.dirname, '../../../../dist/packages/agent');

export interface MatrixAppOptions {
  readonly node: string;
  readonly modules: Modules;
  readonly clients: readonly (MatrixClient & { readonly proto?: string })[];
  /** The target that they call. */
  readonly host: string;
  /** `address:port` that the SDK knows. */
  readonly instance: string;
  /** What they call by TLS, and of which target it is an instance; none by default. */
  readonly secure?: { readonly at: string; readonly host: string };
  readonly env: Readonly<Record<string, string>>;
}

/** A client of a registry, where that is, and what it registers there. */
export interface Joining extends MatrixClient {
  readonly server: string;
  readonly service: string;
  readonly port: number;
}

interface TargetView {
  readonly target: string;
  readonly effective: AgentTarget['rung'];
}

interface Answer {
  readonly started?: string;
  readonly answer?: unknown;
  readonly failed?: string;
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

  static async start({ node, modules, env, ...more }: MatrixAppOptions): Promise<MatrixApp> {
    const told = JSON.stringify({ agent: AGENT, ...more });
    const child = fork(join(import.meta.dirname, `app.${modules}`), [told], {
      execPath: node,
      execArgv: ['--require', join(AGENT, 'agent/src/register.js')],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      env: { PATH: process.env['PATH'], ...env },
    });
    let said = '';
    child.stderr?.on('data', (chunk: Buffer) => (said = (said + chunk.toString()).slice(-10_000)));
    const { started, failed } = await answered(child, () => said);
    if (started === undefined) throw new Error(`the application did not start: ${failed}\n${said}`);
    return new MatrixApp(child, () => said, started);
  }

  /** What the agent said. */
  get log(): string {
    return this.#said();
  }

  async rungOf(host: string): Promise<string | undefined> {
    const view = (await this.#ask('view')) as readonly TargetView[];
    return view.find(({ target }) => target.startsWith(`${host}:`))?.effective;
  }

  /** Of the plan in force. */
  async planVersion(): Promise<string> {
    return (await this.#ask('version')) as string;
  }

  /** Calls by each of these clients in turn, the target of TLS where it is `secure`. @returns what failed, by client */
  async call(ids: readonly string[], calls: number, secure = false): Promise<Readonly<Record<string, readonly string[]>>> {
    return (await this.#ask('call', { ids, calls, secure })) as Readonly<Record<string, readonly string[]>>;
  }

  /** Registers by a client of a registry and looks itself up. */
  async join(client: Joining): Promise<void> {
    await this.#ask('join', client);
  }

  /** What the SDK sees of a target of the plan, as the control plane would be told; undefined before it has said anything. */
  async seen(target: string): Promise<readonly ViewEndpoint[] | undefined> {
    return (await this.#ask('seen', { target })) as readonly ViewEndpoint[] | undefined;
  }

  /** The provider leaves what the clients have registered. @returns the errors of its steps */
  async leave(): Promise<readonly string[]> {
    const { steps } = (await this.#ask('leave')) as { readonly steps: readonly { readonly error?: string }[] };
    return steps.flatMap(({ error }) => error ?? []);
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await ended;
  }

  async #ask(order: string, more: object = {}): Promise<unknown> {
    const answer = answered(this.#child, this.#said);
    this.#child.send({ ...more, order });
    const { failed, answer: value } = await answer;
    if (failed !== undefined) throw new Error(`${order}: ${failed}`);
    return value;
  }
}

async function answered(child: ChildProcess, said: () => string): Promise<Answer> {
  const end = new AbortController();
  const ended = once(child, 'exit', { signal: end.signal }).then(([code]) => {
    throw new Error(`the application ended with ${code}: ${said()}`);
  });
  try {
    const [message] = (await Promise.race([once(child, 'message', { signal: AbortSignal.timeout(60_000) }), ended])) as [Answer];
    return message;
  } finally {
    ended.catch(() => undefined);
    end.abort();
  }
}
