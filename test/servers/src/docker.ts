/** A Docker engine of our own: socket, containers' state and logs in a temporary directory, nothing installed. Needs root. */
import { execFile, spawn } from 'node:child_process';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { ManagedServer } from './managed-server.ts';
import { cacheRoot } from './cache.ts';
import { keepLayers, openLayers } from './docker-layers.ts';
import { withLock } from './lock.ts';
import { provide, type Provided, type ProvideOptions } from './provide.ts';
import type { CommonOptions } from './server.ts';

const run = promisify(execFile);

/**
 * What containerd starts for a container (shims) lives on when the engine is killed. In a namespace of processes and mounts of its own
 * all ends with it, and the mounts with them. The shell, as the first process there, reaps the shims.
 */
const namespace = ['unshare', '--pid', '--fork', '--kill-child', '--mount-proc', '--', 'sh', '-c', '"$@" & wait', 'docker'];

export interface DockerOptions extends CommonOptions {
  readonly provide?: ProvideOptions;
}

export interface DockerCall {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Milliseconds. Default 120,000. */
  readonly timeoutMs?: number;
  /** Into the answer, behind stdout; default false. */
  readonly stderr?: boolean;
}

export class DockerEngine implements AsyncDisposable {
  /** A minimal Debian (ca-certificates, curl), as a tar. */
  readonly rootfs: string;
  readonly #server: ManagedServer<Record<string, never>>;
  readonly #env: NodeJS.ProcessEnv;
  /** Tables of the packet filter that were there before: they stay. */
  readonly #tables: ReadonlySet<string>;
  readonly #layers: string;
  readonly #release: () => void;

  private constructor(
    server: ManagedServer<Record<string, never>>,
    env: NodeJS.ProcessEnv,
    build: Provided,
    layers: string,
    tables: ReadonlySet<string>,
    release: () => void,
  ) {
    this.#server = server;
    this.#env = env;
    this.rootfs = join(build.home, 'rootfs.tar');
    this.#layers = layers;
    this.#tables = tables;
    this.#release = release;
  }

  /** Ready in about 2 s. One at a time on a machine, because its bridge and packet filter are the machine's. @throws {ServerStartError} */
  static async start(options: DockerOptions = {}): Promise<DockerEngine> {
    const build = await provide('docker', options.provide);
    const release = await turn(join(cacheRoot(), 'docker-engine.lock'));
    return DockerEngine.#start(build, options, release).catch((error: unknown) => {
      release();
      throw error;
    });
  }

  static async #start(build: Provided, options: DockerOptions, release: () => void): Promise<DockerEngine> {
    const ext = join(build.home, 'ext');
    const tools = environment(ext);
    const tables = new Set(await tablesOf(tools));
    const layers = await openLayers(build.home);
    const config = join(layers, 'config');
    let socket = '';
    const server = await ManagedServer.start<Record<string, never>>({
      name: 'docker',
      version: build.version,
      options,
      fixedPorts: true,
      allocate: () => Promise.resolve({}),
      prepare: async (dir) => {
        await mkdir(config, { recursive: true });
        socket = join(dir, 'docker.sock');
        const flags = [
          '--data-root',
          join(layers, 'root'),
          '--exec-root',
          join(dir, 'exec'),
          '--pidfile',
          join(dir, 'docker.pid'),
        ];
        return { command: [...namespace, join(ext, 'usr/sbin/dockerd'), '--host', `unix://${socket}`, ...flags], env: tools };
      },
      probe: async () => {
        await run('docker', ['version'], {
          env: { ...tools, DOCKER_HOST: `unix://${socket}` },
          timeout: 2_000,
        });
        return true;
      },
      data: [],
      startTimeoutMs: 60_000,
      stopGraceMs: 15_000,
    });
    const env = { ...tools, DOCKER_HOST: `unix://${socket}`, DOCKER_CONFIG: config };
    await run('ln', ['-sfn', join(ext, 'cli-plugins'), join(config, 'cli-plugins')]);
    return new DockerEngine(server, env, build, layers, tables, release);
  }

  /** Runs `docker …`; its stdout. @throws {Error} with what it said when it fails. */
  async docker(args: readonly string[], call: DockerCall = {}): Promise<string> {
    try {
      const { stdout, stderr } = await run('docker', [...args], {
        env: { ...this.#env, ...call.env },
        timeout: call.timeoutMs ?? 120_000,
        maxBuffer: 64 * 1024 * 1024,
        ...(call.cwd === undefined ? {} : { cwd: call.cwd }),
      });
      return call.stderr === true ? stdout + stderr : stdout;
    } catch (error) {
      const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
      const said = `${stdout}\n${stderr}`.trim().split('\n').slice(-60).join('\n');
      throw new Error(`docker ${args.slice(0, 4).join(' ')} failed:\n${said}`, { cause: error });
    }
  }

  /** An image whose only layer is this directory (a command that writes a tar to stdout). @param changes Dockerfile instructions */
  async import(tar: readonly [string, ...string[]], tag: string, changes: readonly string[]): Promise<void> {
    const [program, ...args] = tar;
    const source = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    const flags = changes.flatMap((change) => ['-c', change]);
    const target = spawn('docker', ['import', ...flags, '-', tag], { env: this.#env, stdio: ['pipe', 'ignore', 'inherit'] });
    const ended = new Promise<number | null>((resolve) => target.once('exit', resolve));
    await pipeline(source.stdout, target.stdin);
    if ((await ended) !== 0) throw new Error(`docker import of ${tag} failed`);
  }

  log(lines = 60): string {
    return this.#server.log(lines);
  }

  /** Ends every container and the engine, and takes away what it made in the machine's network. What images are built from stays. */
  async stop(): Promise<void> {
    const ids = (await this.docker(['ps', '-aq']).catch(() => '')).split('\n').filter((id) => id !== '');
    if (ids.length > 0) await this.docker(['rm', '-f', ...ids]).catch(() => undefined);
    await this.docker(['network', 'prune', '-f']).catch(() => undefined);
    const isTidy = await this.#tidy();
    const { dir } = this.#server;
    await this.#server.kill(); // it has nothing left to end, and `unshare` passes no SIGTERM on
    await this.#server.stop({ keepDir: true });
    if (isTidy) await keepLayers(this.#layers);
    await run('ip', ['link', 'del', 'docker0']).catch(() => undefined);
    for (const table of await tablesOf(this.#env))
      if (!this.#tables.has(table)) await run('nft', ['delete', 'table', ...table.split(' ')], { env: this.#env });
    await rm(dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
    this.#release();
  }

  /** No containers and volumes for the next engine, and no more layers than a few builds have; false: something is left. */
  async #tidy(): Promise<boolean> {
    try {
      await this.docker(['volume', 'prune', '-a', '-f']);
      await this.docker(['image', 'prune', '-f']);
      await this.docker(['builder', 'prune', '-f', '--keep-storage', '6gb']);
      return (await this.docker(['ps', '-aq'])).trim() === '';
    } catch {
      return false;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

/** Resolves when nobody else on this machine has a turn; the function ends ours. */
function turn(lock: string): Promise<() => void> {
  return new Promise((resolve, reject) => {
    withLock(lock, () => new Promise<void>((release) => resolve(release))).catch(reject);
  });
}

function environment(ext: string): NodeJS.ProcessEnv {
  const lib = join(ext, 'usr/lib/x86_64-linux-gnu');
  const path = [join(ext, 'usr/sbin'), join(ext, 'usr/bin'), process.env['PATH']].join(':');
  return {
    ...process.env,
    PATH: path,
    LD_LIBRARY_PATH: `${lib}:${join(ext, 'lib/x86_64-linux-gnu')}`,
    XTABLES_LIBDIR: join(lib, 'xtables'),
  };
}

/** `ip nat`, `ip filter`, … */
async function tablesOf(env: NodeJS.ProcessEnv): Promise<readonly string[]> {
  const { stdout } = await run('nft', ['list', 'tables'], { env });
  return stdout.split('\n').flatMap((line) => (line.startsWith('table ') ? [line.slice('table '.length)] : []));
}
