import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until } from '@isthmus/model/testing';
import { freePorts } from '@isthmus/servers';
import { stringify } from 'yaml';

const MAIN = join(import.meta.dirname, '../../../dist/apps/bridge/apps/bridge/src/main.js');

/** Loading its modules alone takes a second of CPU, and on a machine that is full a process has a tenth of one. */
const START_WITHIN_MS = 90_000;

/** The built bridge as users run it, in a process and a directory of its own. */
export class BridgeProcess {
  readonly directory: string;
  readonly ports: { readonly control: number; readonly xds: number; readonly mcp: number };
  #child: ChildProcess | undefined;
  #log = '';

  private constructor(directory: string, ports: BridgeProcess['ports']) {
    this.directory = directory;
    this.ports = ports;
  }

  static async start(registries: readonly object[], more: object = {}): Promise<BridgeProcess> {
    const bridge = await BridgeProcess.prepare(registries, more);
    try {
      await bridge.run();
    } catch (error) {
      await bridge.close();
      throw error;
    }
    return bridge;
  }

  /** Its directory and config, not started yet. */
  static async prepare(registries: readonly object[], more: object = {}): Promise<BridgeProcess> {
    if (!existsSync(MAIN)) throw new Error('the bridge is not built; run `npm run build`');
    const [control = 0, xds = 0, mcp = 0] = await freePorts(3);
    const bridge = new BridgeProcess(await mkdtemp(join(tmpdir(), 'isthmus-bridge-')), { control, xds, mcp });
    await bridge.configure(registries, more);
    return bridge;
  }

  /** Another process on the config and ledger of a running one; not started yet. */
  static beside(other: BridgeProcess): BridgeProcess {
    return new BridgeProcess(other.directory, other.ports);
  }

  async configure(registries: readonly object[], more: object = {}): Promise<void> {
    const at = (port: number) => ({ listen: `127.0.0.1:${port}` });
    const config = {
      version: 1,
      meshId: 'test',
      registries,
      outputs: { xds: at(this.ports.xds), mcp: at(this.ports.mcp) },
      control: at(this.ports.control),
      ...more,
    };
    await writeFile(join(this.directory, 'isthmus.yaml'), stringify(config));
  }

  /**
   * Starts the process; resolves when the outputs speak, or when `isReady` says so for a bridge that cannot be asked in plain HTTP.
   * @param env beside this process's own
   */
  async run(isReady?: () => Promise<boolean>, options: readonly string[] = [], env: NodeJS.ProcessEnv = {}): Promise<void> {
    const child = this.#spawn(options, env);
    const isUp = async (): Promise<boolean> => {
      if (child.exitCode !== null) throw new Error(`the bridge ended with ${child.exitCode}:\n${this.#log}`);
      if (isReady !== undefined) return isReady();
      const answer = await fetch(`http://127.0.0.1:${this.ports.control}/readyz`, { signal: AbortSignal.timeout(1_000) }).catch(
        () => undefined,
      );
      return answer?.ok === true;
    };
    await until('the bridge is ready', isUp, START_WITHIN_MS);
  }

  /** For a start that must fail: the exit code and what it said. */
  async runToExit(): Promise<{ readonly code: number | null; readonly log: string }> {
    const [code] = (await once(this.#spawn(), 'close')) as [number | null];
    return { code, log: this.#log };
  }

  #spawn(options: readonly string[] = [], env: NodeJS.ProcessEnv = {}): ChildProcess {
    const args = [MAIN, 'serve', '-c', join(this.directory, 'isthmus.yaml'), ...options];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, ...env } });
    this.#child = child;
    child.stderr?.on('data', (chunk: Buffer) => (this.#log = (this.#log + chunk.toString()).slice(-20_000)));
    return child;
  }

  /** The `items` of a list, or the whole answer. */
  async get<T>(path: string): Promise<T> {
    const answer = await fetch(`http://127.0.0.1:${this.ports.control}/api/v1/${path}`);
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
    return (await answer.json()) as T;
  }

  async post(path: string, token?: string): Promise<Response> {
    return fetch(`http://127.0.0.1:${this.ports.control}/api/v1/${path}`, {
      method: 'POST',
      ...(token === undefined ? {} : { headers: { authorization: `Bearer ${token}` } }),
    });
  }

  async adminToken(): Promise<string> {
    return (await readFile(join(this.directory, '.isthmus/admin.token'), 'utf8')).trim();
  }

  get log(): string {
    return this.#log;
  }

  /** Sends a signal and does not wait: SIGSTOP, SIGCONT. */
  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }

  /** Resolves with the exit code, null after a signal. */
  async end(signal: NodeJS.Signals): Promise<number | null> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return child?.exitCode ?? null;
    const ended = once(child, 'exit');
    child.kill(signal);
    await ended;
    return child.exitCode;
  }

  async close(): Promise<void> {
    await this.end('SIGKILL');
    await rm(this.directory, { recursive: true, force: true });
  }
}
