/** etcd, one member, for the API server only. */
import { join } from 'node:path';
import { ManagedServer } from './managed-server.ts';
import { freePorts } from './ports.ts';
import { http } from './probe.ts';
import { provide, type ProvideOptions } from './provide.ts';
import type { CommonOptions, Server } from './server.ts';
import { servers } from './versions.ts';

export interface EtcdPorts extends Readonly<Record<string, number>> {
  readonly client: number;
  readonly peer: number;
}

export async function startEtcd(options: CommonOptions & { readonly provide?: ProvideOptions } = {}): Promise<Server<EtcdPorts>> {
  const build = await provide('etcd', {
    ...(options.signal === undefined ? {} : { signal: options.signal }),
    ...options.provide,
  });
  const { recipe } = servers.etcd;
  if (recipe.kind !== 'wheel') throw new Error('etcd is no wheel');
  const program = join(build.home, recipe.program);
  return ManagedServer.start<EtcdPorts>({
    name: 'etcd',
    version: build.version,
    options,
    fixedPorts: false,
    allocate: async () => {
      const [client, peer] = (await freePorts(2)) as [number, number];
      return { client, peer };
    },
    prepare: async (dir, { client, peer }) => ({
      command: [
        program,
        '--name=test',
        `--data-dir=${join(dir, 'data')}`,
        `--listen-client-urls=http://127.0.0.1:${client}`,
        `--advertise-client-urls=http://127.0.0.1:${client}`,
        `--listen-peer-urls=http://127.0.0.1:${peer}`,
        `--initial-advertise-peer-urls=http://127.0.0.1:${peer}`,
        `--initial-cluster=test=http://127.0.0.1:${peer}`,
        '--unsafe-no-fsync', // the machine under a test does not lose power
        '--heartbeat-interval=50', // its own election, alone, takes one timeout
        '--election-timeout=500',
        '--log-level=warn',
      ],
    }),
    probe: async ({ client }, signal) => (await http(client, '/health', { signal })).body.includes('"health":"true"'),
    data: ['data'],
    startTimeoutMs: 30_000,
    stopGraceMs: 2_000,
  });
}
