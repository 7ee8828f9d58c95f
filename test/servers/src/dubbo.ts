/** A real Dubbo provider of one interface, `isthmus.Greeter`: a process that registers itself somewhere, not a registry. */
import { writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { javaCommand } from './java.ts';
import { ManagedServer } from './managed-server.ts';
import { freePorts } from './ports.ts';
import { accepts } from './probe.ts';
import { provide, type ProvideOptions } from './provide.ts';
import type { CommonOptions, Server } from './server.ts';
import { servers } from './versions.ts';

export interface DubboPorts extends Readonly<Record<string, number>> {
  /** What it registers. */
  readonly service: number;
  /** Accepts connections as soon as the provider is registered. */
  readonly ready: number;
}

export interface DubboProviderOptions extends CommonOptions {
  /** `zookeeper://127.0.0.1:2181`, `nacos://127.0.0.1:8848?username=…`; Dubbo's own parameters go into the query. */
  readonly registry: string;
  /** `interface`: as Dubbo 2; `instance`: as Dubbo 3, by application; `all`: both, Dubbo 3's default. */
  readonly registerMode?: 'interface' | 'instance' | 'all';
  readonly protocol?: 'dubbo' | 'tri';
  /** Default `dubbo-greeter`. */
  readonly application?: string;
  readonly port?: number;
  /** Of the service; none by default, as in Dubbo. */
  readonly version?: string;
  readonly group?: string;
  /** Dubbo's scale: 100 is normal. */
  readonly weight?: number;
  /** The address that it registers. Dubbo refuses loopback addresses; default `10.8.8.8`, which nobody has. */
  readonly address?: string;
  /** Parameter `zone`; default `az-1`. */
  readonly zone?: string;
  /** Of its ZooKeeper session, milliseconds: how long it stays registered when it is killed. Default 2,000. */
  readonly sessionTimeoutMs?: number;
  /** Writes the archive of its classes when it stops (class-archive.ts). Default false. */
  readonly recordsClasses?: boolean;
  readonly provide?: ProvideOptions;
}

export type DubboProvider = Server<DubboPorts>;

/** A name for 127.0.0.1 that Dubbo takes for an address of the machine: it refuses `127.*` and `localhost` as places to listen. */
const bindName = 'dubbo-provider';

/** Ready, and registered, in about 2 s. */
export async function startDubboProvider(options: DubboProviderOptions): Promise<DubboProvider> {
  const build = await provide('dubbo', {
    ...(options.signal === undefined ? {} : { signal: options.signal }),
    ...options.provide,
  });
  const { recipe } = servers.dubbo;
  if (recipe.kind !== 'maven') throw new Error('dubbo is not built by Maven');
  return ManagedServer.start<DubboPorts>({
    name: 'dubbo',
    version: build.version,
    options,
    fixedPorts: options.port !== undefined,
    allocate: async () => {
      const [service, ready] = (await freePorts(2)) as [number, number];
      return { service: options.port ?? service, ready };
    },
    prepare: async (dir, ports) => {
      const hosts = join(dir, 'hosts');
      await writeFile(hosts, [bindName, 'localhost', hostname()].map((name) => `127.0.0.1 ${name}\n`).join(''));
      const own = {
        registry: options.registry,
        registerMode: options.registerMode ?? 'all',
        protocol: options.protocol ?? 'dubbo',
        application: options.application ?? 'dubbo-greeter',
        port: ports.service,
        readyPort: ports.ready,
        version: options.version ?? '',
        group: options.group ?? '',
        weight: options.weight ?? '',
        zone: options.zone ?? 'az-1',
        sessionTimeout: options.sessionTimeoutMs ?? 2_000,
      };
      const environment = {
        DUBBO_IP_TO_REGISTRY: options.address ?? '10.8.8.8',
        DUBBO_IP_TO_BIND: bindName,
        'jdk.net.hosts.file': hosts,
        'java.net.preferIPv4Stack': true,
        'dubbo.application.logger': 'slf4j',
      };
      const jvmFlags = [
        ...Object.entries(own).map(([name, value]) => `-Disthmus.${name}=${value}`),
        ...Object.entries(environment).map(([name, value]) => `-D${name}=${value}`),
      ];
      return {
        command: await javaCommand({
          home: build.home,
          dir,
          mainClass: recipe.mainClass,
          heapMb: 128,
          recordsClasses: options.recordsClasses === true,
          jvmFlags,
          args: [],
        }),
      };
    },
    probe: (ports) => accepts(ports.ready),
    data: [],
    startTimeoutMs: 60_000,
    stopGraceMs: options.recordsClasses === true ? 120_000 : 5_000,
  });
}
