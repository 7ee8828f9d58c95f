import { closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { spawnGuarded, tail, type Guarded } from '@isthmus/servers';
import type { Supervised } from './part.ts';

export interface NodeProcessOptions {
  readonly name: string;
  /** Compiled entry and its arguments, run by the Node that runs this. */
  readonly command: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly logFile: string;
  /** True once it can be used; errors count as "not yet". */
  readonly probe: (signal: AbortSignal) => Promise<boolean>;
  /** Milliseconds until it must be. */
  readonly startTimeoutMs: number;
  /** Milliseconds that SIGTERM may take. */
  readonly stopGraceMs: number;
  /** Aborted: a start that is under way is given up. */
  readonly signal: AbortSignal;
}

const probeEveryMs = 100;

/** A Node program of ours (a service, the bridge) as a child that does not outlive the lab. */
export class NodeProcess implements Supervised {
  readonly logFile: string;
  readonly #options: NodeProcessOptions;
  #child: Guarded | undefined;

  private constructor(options: NodeProcessOptions) {
    this.#options = options;
    this.logFile = options.logFile;
  }

  /** @throws {Error} with the end of its log when it ends or does not become ready. */
  static async start(options: NodeProcessOptions): Promise<NodeProcess> {
    const started = new NodeProcess(options);
    try {
      await started.restart();
      return started;
    } catch (error) {
      await started.stop();
      throw error;
    }
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  async restart(): Promise<void> {
    await this.stop();
    const { command, cwd, env } = this.#options;
    mkdirSync(dirname(this.logFile), { recursive: true });
    const output = openSync(this.logFile, 'a');
    const child = await spawnGuarded([process.execPath, ...command], { cwd, output, env: { ...process.env, ...env } }).finally(
      () => closeSync(output),
    );
    this.#child = child;
    void child.exited.then(() => {
      if (this.#child === child) this.#child = undefined;
    });
    await this.#untilReady(child);
  }

  async stop(): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    child.signal('SIGTERM');
    const grace = new AbortController();
    await Promise.race([
      child.exited,
      delay(this.#options.stopGraceMs, undefined, { signal: grace.signal }).catch(() => undefined),
    ]);
    grace.abort();
    await child.killGroup();
    this.#child = undefined;
  }

  async #untilReady(child: Guarded): Promise<void> {
    const { probe, startTimeoutMs, signal } = this.#options;
    const deadline = Date.now() + startTimeoutMs;
    while (Date.now() < deadline) {
      if (signal.aborted) throw this.#error('was given up while starting');
      if (this.#child !== child) throw this.#error('ended before it was ready');
      if (await probe(AbortSignal.timeout(2_000)).catch(() => false)) return;
      await delay(probeEveryMs);
    }
    throw this.#error(`was not ready within ${startTimeoutMs / 1000} s`);
  }

  #error(what: string): Error {
    return new Error(`${this.#options.name} ${what}; the end of ${this.logFile}:\n${tail(this.logFile, 20) || '(empty)'}`);
  }
}
