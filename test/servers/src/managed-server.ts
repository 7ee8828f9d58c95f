/** One real server as a child process: the part that is the same for all of them. */
import { closeSync, openSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { spawnGuarded, type Guarded } from './guard.ts';
import { tail } from './log-file.ts';
import { ServerStartError, type CommonOptions, type RestartOptions, type Server, type StopOptions } from './server.ts';
import { standStill } from './stand-still.ts';
import type { ServerName } from './versions.ts';

export interface Launch {
  readonly command: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
}

/** What one kind of server adds. `ports` are those that `allocate` returned. */
export interface Blueprint<Ports extends Readonly<Record<string, number>>> {
  readonly name: ServerName;
  readonly version: string;
  readonly options: CommonOptions;
  /** Whether `allocate` may be asked for other ports when these turn out to be taken. */
  readonly fixedPorts: boolean;
  allocate(): Promise<Ports>;
  /** Writes configuration into `dir` and says how to start; called for each run. */
  prepare(dir: string, ports: Ports): Promise<Launch>;
  /** True once it can be used. Errors count as "not yet". */
  probe(ports: Ports, signal: AbortSignal): Promise<boolean>;
  /** After it is ready with empty data: users, namespaces. */
  furnish?(ports: Ports, signal: AbortSignal): Promise<void>;
  /** Names inside `dir` that hold its data. */
  readonly data: readonly string[];
  readonly startTimeoutMs: number;
  /** How long SIGTERM may take before SIGKILL. */
  readonly stopGraceMs: number;
  /** All that it does at SIGTERM is for data that `stop` removes: it gets SIGKILL there instead, which costs it no CPU. Default false. */
  readonly leavesNothing?: boolean;
}

type State =
  | { readonly kind: 'down' }
  | { readonly kind: 'running'; readonly child: Guarded }
  /** Its directory may be gone: it cannot be started again. */
  | { readonly kind: 'stopped' };

const portTaken = /address already in use|bind: .*in use|Port \d+ was already in use|BindException|cannot bind/i;
const probeEveryMs = 50;
const portTries = 3;

export class ManagedServer<Ports extends Readonly<Record<string, number>>> implements Server<Ports> {
  readonly name: ServerName;
  readonly version: string;
  readonly ports: Ports;
  readonly dir: string;
  ready: Promise<void> = Promise.resolve();

  readonly #blueprint: Blueprint<Ports>;
  #state: State = { kind: 'down' };

  private constructor(blueprint: Blueprint<Ports>, ports: Ports, dir: string) {
    this.name = blueprint.name;
    this.version = blueprint.version;
    this.ports = ports;
    this.dir = dir;
    this.#blueprint = blueprint;
  }

  /** Resolves when it is ready. @throws {ServerStartError} with the end of its log. */
  static async start<P extends Readonly<Record<string, number>>>(blueprint: Blueprint<P>): Promise<ManagedServer<P>> {
    for (let attempt = 1; ; attempt += 1) {
      const server = new ManagedServer(blueprint, await blueprint.allocate(), await makeDir(blueprint));
      try {
        await server.#run(true);
        return server;
      } catch (error) {
        await server.stop();
        const another =
          error instanceof ServerStartError && portTaken.test(error.log) && !blueprint.fixedPorts && attempt < portTries;
        if (!another) throw error;
      }
    }
  }

  get pid(): number | undefined {
    return this.#state.kind === 'running' ? this.#state.child.pid : undefined;
  }

  log(lines = 60): string {
    return tail(this.#logPath, lines);
  }

  async stop(options: StopOptions = {}): Promise<void> {
    if (this.#state.kind === 'stopped') return;
    const removed = options.keepDir !== true && this.#blueprint.options.dir === undefined;
    await this.#end(removed && this.#blueprint.leavesNothing === true ? 'SIGKILL' : 'SIGTERM');
    this.#state = { kind: 'stopped' };
    if (removed) await removeDir(this.dir);
  }

  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  async restart(options: RestartOptions = {}): Promise<void> {
    if (this.#state.kind === 'stopped') throw new Error(`${this.name} was stopped and its directory removed; start a new one`);
    await this.#end('SIGTERM');
    const empty = options.keepData === false;
    if (empty) await Promise.all(this.#blueprint.data.map((name) => removeDir(join(this.dir, name))));
    await this.#run(empty);
  }

  pause(): void {
    this.#signal('SIGSTOP');
    if (this.pid !== undefined) standStill(this.pid);
  }

  resume(): void {
    this.#signal('SIGCONT');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  get #logPath(): string {
    return join(this.dir, 'server.log');
  }

  #signal(signal: NodeJS.Signals): void {
    if (this.#state.kind === 'running') this.#state.child.signal(signal);
  }

  #run(empty: boolean): Promise<void> {
    this.ready = this.#launch(empty);
    this.ready.catch(() => undefined); // whoever called start or restart gets it
    return this.ready;
  }

  async #launch(empty: boolean): Promise<void> {
    const { command, env } = await this.#blueprint.prepare(this.dir, this.ports);
    const output = openSync(this.#logPath, 'a');
    const ownDir = this.#blueprint.options.dir === undefined;
    const child = await spawnGuarded(command, {
      cwd: this.dir,
      output,
      ...(env === undefined ? {} : { env: { ...process.env, ...env } }),
      ...(ownDir ? { removeWhenOrphaned: this.dir } : {}),
    }).finally(() => closeSync(output));
    this.#state = { kind: 'running', child };
    void child.exited.then(() => {
      if (this.#state.kind === 'running' && this.#state.child === child) this.#state = { kind: 'down' };
    });
    await this.#untilReady(child);
    if (empty) await this.#blueprint.furnish?.(this.ports, AbortSignal.timeout(20_000));
    child.hold(false);
  }

  async #untilReady(child: Guarded): Promise<void> {
    const { options } = this.#blueprint;
    const allowed = options.startTimeoutMs ?? this.#blueprint.startTimeoutMs;
    const deadline = Date.now() + allowed;
    let ended: number | undefined;
    void child.exited.then(({ code }) => (ended = code));
    for (;;) {
      if (ended !== undefined) throw this.#startError(`ended with code ${ended} before it was ready`);
      if (options.signal?.aborted) throw this.#startError('was given up while starting');
      if (Date.now() > deadline) throw this.#startError(`was not ready within ${allowed / 1000} s`);
      if (await this.#probe()) return;
      await delay(probeEveryMs);
    }
  }

  async #probe(): Promise<boolean> {
    try {
      return await this.#blueprint.probe(this.ports, AbortSignal.timeout(2_000));
    } catch {
      return false;
    }
  }

  #startError(what: string): ServerStartError {
    const ports = Object.entries(this.ports).map(([name, port]) => `${name} ${port}`);
    return new ServerStartError(this.name, `${this.version} (${ports.join(', ')}) ${what}`, this.log());
  }

  async #end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    if (this.#state.kind !== 'running') return;
    const { child } = this.#state;
    child.hold(true);
    child.signal(signal);
    if (signal === 'SIGTERM') {
      child.signal('SIGCONT'); // a paused process does not see SIGTERM
      const grace = new AbortController();
      await Promise.race([
        child.exited,
        delay(this.#blueprint.stopGraceMs, undefined, { signal: grace.signal }).catch(() => undefined),
      ]);
      grace.abort();
    }
    await child.killGroup();
    if (this.#state.kind === 'running') this.#state = { kind: 'down' };
  }
}

async function makeDir({ name, options }: Blueprint<Readonly<Record<string, number>>>): Promise<string> {
  if (options.dir === undefined) return mkdtemp(join(tmpdir(), `isthmus-${name}-`));
  await mkdir(options.dir, { recursive: true });
  return options.dir;
}

/** A JVM's shutdown hooks may still write while we delete. */
async function removeDir(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
}
