/** Envoy, with a bootstrap that the caller writes. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';
import { ManagedServer } from './managed-server.ts';
import { freePorts } from './ports.ts';
import { http } from './probe.ts';
import { provide, type ProvideOptions } from './provide.ts';
import type { CommonOptions, Server } from './server.ts';
import { servers } from './versions.ts';

export type EnvoyPorts<Name extends string = never> = Readonly<Record<Name | 'admin', number>>;

/** Envoy's `config.bootstrap.v3.Bootstrap` as JSON or as YAML text. `admin` is added when it has none. */
export type EnvoyBootstrap = Readonly<Record<string, unknown>> | string;

export interface EnvoyOptions<Name extends string = never> extends CommonOptions {
  /** A function when it names ports that are only known at the start. */
  readonly bootstrap: EnvoyBootstrap | ((ports: EnvoyPorts<Name>) => EnvoyBootstrap);
  /** Ports besides `admin` to find, by name: for listeners in the bootstrap. */
  readonly portNames?: readonly Name[];
  /** Ports that must be these. */
  readonly ports?: Partial<Record<Name | 'admin', number>>;
  /** `admin` (default): ready when the admin port answers. `live`: when it has got its first configuration and listens. */
  readonly readyWhen?: 'admin' | 'live';
  /** One from the table of versions. */
  readonly version?: string;
  /** Default `warning`. */
  readonly logLevel?: 'trace' | 'debug' | 'info' | 'warning' | 'error';
  /** Worker threads; default 1. */
  readonly concurrency?: number;
  readonly flags?: readonly string[];
  readonly provide?: ProvideOptions;
}

export type EnvoyServer<Name extends string = never> = Server<EnvoyPorts<Name>>;

/** Ready in about 0.2 s. */
export async function startEnvoy<Name extends string = never>(options: EnvoyOptions<Name>): Promise<EnvoyServer<Name>> {
  const build = await provide('envoy', {
    ...(options.signal === undefined ? {} : { signal: options.signal }),
    ...(options.version === undefined ? {} : { version: options.version }),
    ...options.provide,
  });
  const { recipe } = servers.envoy;
  if (recipe.kind !== 'wheel') throw new Error('envoy is not a wheel');
  const program = join(build.home, recipe.program);
  const names: readonly (Name | 'admin')[] = ['admin', ...(options.portNames ?? [])];
  return ManagedServer.start<EnvoyPorts<Name>>({
    name: 'envoy',
    version: build.version,
    options,
    fixedPorts: names.every((name) => options.ports?.[name] !== undefined),
    allocate: async () => {
      const free = await freePorts(names.length);
      return Object.fromEntries(names.map((name, i) => [name, options.ports?.[name] ?? free[i]])) as EnvoyPorts<Name>;
    },
    prepare: async (dir, ports) => {
      const file = join(dir, 'bootstrap.json');
      await writeFile(file, JSON.stringify(bootstrapOf(options, ports), undefined, 2));
      const runtime = ['--log-level', options.logLevel ?? 'warning', '--concurrency', String(options.concurrency ?? 1)];
      // Hot restart shares a memory segment between all Envoys of a machine.
      return { command: [program, '-c', file, ...runtime, '--disable-hot-restart', ...(options.flags ?? [])] };
    },
    probe: async ({ admin }, signal) => {
      const path = options.readyWhen === 'live' ? '/ready' : '/server_info';
      return (await http(admin, path, { signal })).status === 200;
    },
    data: [],
    startTimeoutMs: 20_000,
    stopGraceMs: 2_000,
  });
}

function bootstrapOf<Name extends string>(options: EnvoyOptions<Name>, ports: EnvoyPorts<Name>): Record<string, unknown> {
  const given = typeof options.bootstrap === 'function' ? options.bootstrap(ports) : options.bootstrap;
  const bootstrap = typeof given === 'string' ? (parse(given) as Record<string, unknown>) : given;
  return { admin: { address: { socket_address: { address: '127.0.0.1', port_value: ports.admin } } }, ...bootstrap };
}
