/** ZooKeeper, one standalone server. */
import { writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { javaCommand, properties } from './java.ts';
import { ManagedServer } from './managed-server.ts';
import { freePorts } from './ports.ts';
import { provide, type ProvideOptions } from './provide.ts';
import type { CommonOptions, Server } from './server.ts';
import { servers } from './versions.ts';

export interface ZookeeperPorts extends Readonly<Record<string, number>> {
  readonly client: number;
}

export interface ZookeeperOptions extends CommonOptions {
  readonly port?: number;
  /** Default 64; 10,000 services want 256. */
  readonly heapMb?: number;
  /** Lines for zoo.cfg, over ours. Digest authentication and ACLs need none: they are always on. */
  readonly config?: Readonly<Record<string, string | number>>;
  readonly provide?: ProvideOptions;
}

export type ZookeeperServer = Server<ZookeeperPorts>;

/** Ready in about half a second. Sessions may be as short as a second, and every four-letter word is answered. */
export async function startZookeeper(options: ZookeeperOptions = {}): Promise<ZookeeperServer> {
  const build = await provide('zookeeper', {
    ...(options.signal === undefined ? {} : { signal: options.signal }),
    ...options.provide,
  });
  const { recipe } = servers.zookeeper;
  if (recipe.kind !== 'maven') throw new Error('zookeeper is not built by Maven');
  return ManagedServer.start<ZookeeperPorts>({
    name: 'zookeeper',
    version: build.version,
    options,
    fixedPorts: options.port !== undefined,
    allocate: async () => ({ client: options.port ?? (await freePorts(1))[0]! }),
    prepare: async (dir, ports) => {
      const file = join(dir, 'zoo.cfg');
      await writeFile(file, properties({ ...configFor(dir, ports.client), ...options.config }));
      const heapMb = options.heapMb ?? 64;
      return {
        command: await javaCommand({ home: build.home, dir, mainClass: recipe.mainClass, heapMb, jvmFlags: [], args: [file] }),
      };
    },
    // `ruok` is answered before it serves.
    probe: async (ports, signal) => (await fourLetterWord(ports.client, 'srvr', signal)).includes('Mode:'),
    data: ['data'],
    startTimeoutMs: 30_000,
    stopGraceMs: 3_000,
    leavesNothing: true,
  });
}

function configFor(dir: string, port: number): Record<string, string | number | boolean> {
  return {
    clientPort: port,
    clientPortAddress: '127.0.0.1',
    dataDir: join(dir, 'data'),
    tickTime: 500,
    minSessionTimeout: 1_000,
    maxSessionTimeout: 60_000,
    maxClientCnxns: 0,
    'admin.enableServer': false,
    '4lw.commands.whitelist': '*',
  };
}

/** What ZooKeeper answers to `srvr`, `cons`, `wchs`, …; empty when it does not serve yet. */
export function fourLetterWord(port: number, word: string, signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, signal });
    let answer = '';
    socket.setEncoding('utf8');
    socket.on('data', (text: string) => (answer += text));
    socket.once('error', reject);
    socket.once('close', () => resolve(answer));
    socket.end(word);
  });
}
