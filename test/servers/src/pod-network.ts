/** A network of our own in place of a cluster's: each pod is a network namespace, joined by a switch in one more. Needs root. */
import { execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { provide } from './provide.ts';

const run = promisify(execFile);

/** The names of the namespaces begin so; then this process and a random number. */
const PREFIX = 'isthmus-pod';

/** The kernel's own limit on the name of a device is 15. */
const BRIDGE = 'switch';

export interface Pod {
  /** Of its network namespace. */
  readonly name: string;
  /** On the network of the pods. */
  readonly address: string;
  /** The same program, in the pod. */
  command(command: readonly string[]): readonly string[];
  /** Runs `iptables -w …` (legacy syntax, nftables below). @throws {Error} with what it said */
  iptables(...args: readonly string[]): Promise<void>;
  /** Runs `ip …`. */
  ip(...args: readonly string[]): Promise<void>;
}

/**
 * Nothing leaves it: the namespaces have no way to the machine's network, so any number of these, with the same addresses,
 * can be there at once. What it made goes with `close`, and when this process ends, however it ends.
 */
export class PodNetwork implements AsyncDisposable {
  readonly #prefix = `${PREFIX}-${process.pid}-${randomBytes(3).toString('hex')}`;
  readonly #env: NodeJS.ProcessEnv;
  readonly #reaper;
  #pods = 0;

  private constructor(env: NodeJS.ProcessEnv) {
    this.#env = env;
    // It ends when we close its input, which the kernel does at the latest when we are gone.
    const reap = `cat >/dev/null; ip netns list | while read -r name _; do case $name in ${this.#prefix}-*) ip netns del "$name";; esac; done`;
    this.#reaper = spawn('/bin/sh', ['-c', reap], { env, detached: true, stdio: ['pipe', 'ignore', 'ignore'] });
  }

  /** @throws {Error} when we are not root, or a program cannot be had */
  static async create(): Promise<PodNetwork> {
    if (process.getuid?.() !== 0) throw new Error('network namespaces and iptables need root: run this as root, or leave it out');
    const { home } = await provide('netns-tools');
    const network = new PodNetwork(environment(join(home, 'ext')));
    try {
      const name = await network.#namespace('switch');
      await network.#ip('-n', name, 'link', 'add', BRIDGE, 'type', 'bridge');
      await network.#ip('-n', name, 'link', 'set', BRIDGE, 'up');
    } catch (error) {
      await network.close();
      throw error;
    }
    return network;
  }

  async pod(): Promise<Pod> {
    this.#pods += 1;
    const number = this.#pods;
    const name = await this.#namespace(String(number));
    const address = `10.77.0.${number}`;
    const port = `pod${number}`;
    const inPod = ['netns', 'exec', name] as const;
    await this.#ip('-n', name, 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', port, 'netns', this.#name('switch'));
    await this.#ip('-n', this.#name('switch'), 'link', 'set', port, 'master', BRIDGE, 'up');
    await this.#ip('-n', name, 'address', 'add', `${address}/16`, 'dev', 'eth0');
    await this.#ip('-n', name, 'link', 'set', 'eth0', 'up');
    // Addresses of services are nobody's: without a route to them connections would end before iptables sees them.
    await this.#ip('-n', name, 'route', 'add', 'default', 'dev', 'eth0');
    return {
      name,
      address,
      command: (command) => ['nsenter', `--net=/run/netns/${name}`, ...command],
      iptables: (...args) => this.#ip(...inPod, 'iptables', '-w', ...args),
      ip: (...args) => this.#ip('-n', name, ...args),
    };
  }

  /** Everything in the namespaces must have ended: they live as long as a process in them. */
  async close(): Promise<void> {
    if (this.#reaper.exitCode !== null) return;
    const ended = once(this.#reaper, 'exit');
    this.#reaper.stdin.end();
    await ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #name(last: string): string {
    return `${this.#prefix}-${last}`;
  }

  async #namespace(last: string): Promise<string> {
    const name = this.#name(last);
    await this.#ip('netns', 'add', name);
    await this.#ip('-n', name, 'link', 'set', 'lo', 'up');
    return name;
  }

  async #ip(...args: readonly string[]): Promise<void> {
    try {
      await run('ip', args, { env: this.#env, timeout: 20_000 });
    } catch (error) {
      const { stderr = '' } = error as { stderr?: string };
      throw new Error(`ip ${args.join(' ')}: ${stderr.trim()}`, { cause: error });
    }
  }
}

function environment(ext: string): NodeJS.ProcessEnv {
  const lib = join(ext, 'usr/lib/x86_64-linux-gnu');
  return {
    PATH: [join(ext, 'bin'), join(ext, 'sbin'), join(ext, 'usr/sbin'), process.env['PATH']].join(':'),
    LD_LIBRARY_PATH: `${lib}:${join(ext, 'lib/x86_64-linux-gnu')}`,
    XTABLES_LIBDIR: join(lib, 'xtables'),
  };
}
