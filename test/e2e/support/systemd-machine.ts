/**
 * A systemd of its own as the first process of new namespaces: this machine's files below an overlay that is thrown away, no network
 * but loopback, control groups below a new one. It knows only the units that it is given. Needs root and Debian's package `systemd`.
 */
import { execFile, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, rmdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { until } from '@isthmus/model/testing';

export interface MachineOptions {
  /** By file name below the only directory of units that it has. What `sysinit.target` and the like do is not needed: they are empty. */
  readonly units: Readonly<Record<string, string>>;
  /** Text by absolute path. */
  readonly files: Readonly<Record<string, string>>;
  /** Of this machine, by the absolute path at which they are there. */
  readonly binds: Readonly<Record<string, string>>;
}

/** Targets that units depend on by default. */
const TARGETS = ['sysinit.target', 'basic.target', 'shutdown.target', 'network-online.target', 'default.target'];
const UNITS = '/etc/systemd/only';
/** Control groups that a service's limits and its end need; the others are the machine's. */
const GROUPS = ['name=systemd', 'memory', 'pids', 'devices', ''];

const HIERARCHIES = '/sys/fs/cgroup';

const run = promisify(execFile);

export class SystemdMachine {
  readonly #child: ChildProcess;
  readonly #directory: string;
  readonly #groups: readonly string[];
  #first = '';

  private constructor(child: ChildProcess, directory: string, groups: readonly string[]) {
    this.#child = child;
    this.#directory = directory;
    this.#groups = groups;
  }

  static async boot(options: MachineOptions): Promise<SystemdMachine> {
    const directory = await mkdtemp(join(tmpdir(), 'isthmus-systemd-'));
    const files = Object.entries(options.files);
    const units = [...TARGETS.map((name) => [name, `[Unit]\nDescription=${name}\n`] as const), ...Object.entries(options.units)];
    for (const [path, text] of [...files, ...units.map(([name, text]) => [join(UNITS, name), text] as const)]) {
      const file = join(directory, 'files', path);
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, text);
    }
    const groups = await ownGroups(`isthmus-systemd-${process.pid}`);
    const script = join(directory, 'boot.sh');
    await writeFile(script, bootScript(directory, groups, options.binds));
    const child = spawn('sh', [script], { stdio: ['ignore', 'ignore', 'inherit'] });
    const machine = new SystemdMachine(child, directory, [...groups.values()]);
    try {
      await machine.#booted();
    } catch (error) {
      await machine.halt();
      throw error;
    }
    return machine;
  }

  /** A command in there; its stdout. */
  async inside(...command: readonly [string, ...string[]]): Promise<string> {
    return (await run('nsenter', ['-t', this.#first, '-m', '-p', '-n', ...command])).stdout;
  }

  succeeds(...command: readonly [string, ...string[]]): Promise<boolean> {
    return this.inside(...command).then(
      () => true,
      () => false,
    );
  }

  /** One property of a unit, as `systemctl show` says it. */
  async show(unit: string, property: string): Promise<string> {
    return (await this.inside('systemctl', 'show', unit, '-P', property)).trim();
  }

  /** Everything in it ends with its first process. */
  async halt(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      this.#child.kill('SIGKILL');
      await once(this.#child, 'exit');
    }
    for (const group of this.#groups) await until(`${group} is empty`, () => removed(group));
    await rm(this.#directory, { recursive: true, force: true });
  }

  async #booted(): Promise<void> {
    const children = `/proc/${this.#child.pid}/task/${this.#child.pid}/children`;
    await until('systemd answers', async () => {
      if (this.#child.exitCode !== null) throw new Error(`systemd did not start: ${this.#child.exitCode}`);
      this.#first = (await readFile(children, 'utf8')).trim();
      if (this.#first === '') return false;
      return this.inside('systemctl', 'is-system-running').then(
        () => true,
        ({ stdout }: { stdout?: string }) => /degraded|starting/.test(stdout ?? ''),
      );
    });
  }
}

/** By what /proc/self/cgroup calls a hierarchy, a new group below ours. */
async function ownGroups(name: string): Promise<ReadonlyMap<string, string>> {
  const groups = new Map<string, string>();
  for (const line of (await readFile('/proc/self/cgroup', 'utf8')).trim().split('\n')) {
    const [, controllers = '', path = ''] = line.split(':');
    if (!GROUPS.includes(controllers)) continue;
    groups.set(controllers, join(HIERARCHIES, placeOf(controllers), path, name));
  }
  return groups;
}

/** Where a hierarchy is mounted; the one of version 2 is all that there is on newer machines. */
function placeOf(controllers: string): string {
  if (controllers !== '') return controllers.replace('name=', '');
  return existsSync(join(HIERARCHIES, 'unified')) ? 'unified' : '';
}

async function removed(group: string): Promise<boolean> {
  const { stdout } = await run('find', [group, '-depth', '-type', 'd']).catch(() => ({ stdout: '' }));
  for (const directory of stdout.split('\n').filter((line) => line !== '')) {
    const failed = await rmdir(directory).then(
      () => false,
      () => true,
    );
    if (failed) return false;
  }
  return true;
}

function bootScript(directory: string, groups: ReadonlyMap<string, string>, binds: Readonly<Record<string, string>>): string {
  const mounts = [...groups.keys()].map((controllers) => {
    const at = join('root', HIERARCHIES, placeOf(controllers));
    const type = controllers === '' ? 'cgroup2' : `cgroup -o ${controllers.replace('name=', 'none,name=')}`;
    return `mkdir -p ${at} && mount -t ${type} cgroup ${at}`;
  });
  const inner = `set -e
cd ${directory}
mount --make-rprivate /
mkdir over && mount -t tmpfs -o mode=755 tmpfs over && mkdir over/up over/work root
mount -t overlay overlay -o lowerdir=/,upperdir=over/up,workdir=over/work root
mount -t proc proc root/proc
mount --bind root/proc/sys root/proc/sys && mount -o remount,bind,ro root/proc/sys
mount -t sysfs -o ro sysfs root/sys
mount -t tmpfs tmpfs root${HIERARCHIES}
${mounts.join('\n')}
for each in run tmp dev usr/lib/systemd/system-generators; do mount -t tmpfs -o mode=755 tmpfs root/$each; done
chmod 1777 root/tmp
for each in null zero full random urandom tty; do touch root/dev/$each; mount --bind /dev/$each root/dev/$each; done
mkdir root/dev/pts root/dev/shm
mount -t devpts -o newinstance,ptmxmode=0666 devpts root/dev/pts
ln -s pts/ptmx root/dev/ptmx
ip link set lo up
cp -r files/. root/
${Object.entries(binds)
  .map(([at, from]) => bind(`root${at}`, from))
  .join('\n')}
cd root && mkdir -p mnt/old && pivot_root . mnt/old && umount -l /mnt/old
mount --make-rshared / # or a service never sees the credentials that are mounted for it
exec env -i container=isthmus SYSTEMD_UNIT_PATH=${UNITS} PATH=/usr/sbin:/usr/bin:/sbin:/bin \\
  /usr/lib/systemd/systemd --log-target=null --show-status=no
`;
  return `set -e
${[...groups.values()].map((group) => `mkdir -p ${group} && echo $$ > ${group}/cgroup.procs`).join('\n')}
exec unshare --mount --pid --fork --kill-child --uts --ipc --net --cgroup sh -c '${inner}'
`;
}

/** What a mount covers must be there, as a file or a directory. */
function bind(at: string, from: string): string {
  return `if [ -d ${from} ]; then mkdir -p ${at}; else mkdir -p ${dirname(at)}; touch ${at}; fi; mount --bind ${from} ${at}`;
}
