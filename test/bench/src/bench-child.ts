import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { SERVE_FLAGS } from '../../../apps/cli/src/serve-flags.ts';

/** Another process of the bench, which says messages that have a `kind`. */
export class BenchChild<Said extends { readonly kind: string }, Told extends string | object> {
  readonly #file: string;
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;

  /** @param setup given as JSON in `process.argv[2]` @param env beside that of the bench @param within a command that runs another */
  constructor(
    file: string,
    setup: object,
    flags: readonly string[] = [],
    env: Readonly<Record<string, string>> = {},
    within: readonly string[] = [],
  ) {
    this.#file = file;
    const [execPath, ...before] = [...within, process.execPath];
    this.#child = fork(file, [JSON.stringify(setup)], {
      // A session of its own, as the registries, istiod and Envoy have: Linux shares the CPUs out by session (sched_autogroup), and
      // the bridge would share its part with the bench's clients and with what makes the changes.
      detached: true,
      env: { ...process.env, ...env },
      execPath,
      execArgv: [...before, '--conditions=source', '--disable-warning=ExperimentalWarning', ...SERVE_FLAGS, ...flags],
    });
    this.#ended = once(this.#child, 'exit');
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  tell(message: Told): void {
    if (this.#child.connected) this.#child.send(message);
  }

  /** Each time that it says so. */
  on<Kind extends Said['kind']>(kind: Kind, listener: (said: Extract<Said, { kind: Kind }>) => void): void {
    this.#child.on('message', (message: Said) => {
      if (message.kind === kind) listener(message as Extract<Said, { kind: Kind }>);
    });
  }

  /** @throws Error when the child ends or says nothing of the kind in time */
  next<Kind extends Said['kind']>(kind: Kind, deadlineMs: number): Promise<Extract<Said, { kind: Kind }>> {
    return new Promise((resolve, reject) => {
      const end = (settle: () => void) => {
        clearTimeout(timer);
        this.#child.off('message', onMessage);
        this.#child.off('exit', onExit);
        settle();
      };
      const onMessage = (message: Said) => {
        if (message.kind === kind) end(() => resolve(message as Extract<Said, { kind: Kind }>));
      };
      const onExit = (code: number | null) =>
        end(() => reject(new Error(`${this.#file} ended with ${code} before it said ${kind}`)));
      const timer = setTimeout(
        () => end(() => reject(new Error(`${this.#file} did not say ${kind} within ${deadlineMs / 1_000} s`))),
        deadlineMs,
      );
      this.#child.on('message', onMessage);
      this.#child.on('exit', onExit);
    });
  }

  /** @param farewell makes it end by itself; after ten seconds it is killed */
  async close(farewell: Told): Promise<void> {
    this.tell(farewell);
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), 10_000);
    await this.#ended;
    clearTimeout(timer);
  }
}
