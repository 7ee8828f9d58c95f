/** Eureka, from Spring Cloud, with the timings that tests want. */
import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { javaCommand } from './java.ts';
import { ManagedServer } from './managed-server.ts';
import { freePorts } from './ports.ts';
import { http } from './probe.ts';
import { provide, type ProvideOptions } from './provide.ts';
import type { CommonOptions, Server } from './server.ts';
import { servers } from './versions.ts';

export interface EurekaPorts extends Readonly<Record<string, number>> {
  readonly http: number;
}

export interface EurekaOptions extends CommonOptions {
  readonly port?: number;
  /** Ports of the other servers of its cluster (see `startEurekaCluster`); default: alone. */
  readonly peers?: readonly number[];
  /** HTTP basic authentication; default: none. */
  readonly auth?: {
    readonly username: string;
    readonly password: string;
    /** As Spring Security does by itself: a bcrypt hash is checked at every request, for 70 ms of CPU. Default false. */
    readonly hashed?: boolean;
  };
  /** Keep expired leases when too many expire at once, as a production server does; default false. */
  readonly selfPreservation?: boolean;
  /** Default 192; 10,000 × 10 want 768. */
  readonly heapMb?: number;
  /** Spring properties over ours. */
  readonly properties?: Readonly<Record<string, string>>;
  /** Writes the archive of its classes when it stops (class-archive.ts). Default false. */
  readonly recordsClasses?: boolean;
  readonly provide?: ProvideOptions;
}

export interface EurekaServer extends Server<EurekaPorts> {
  /** In force with the next request, nothing else changes; not for hashed ones. A restart takes the options' password again. */
  changePassword(password: string): Promise<void>;
}

/** Ready in about 4 s. It keeps everything in memory: after a restart it is empty until its clients come back. */
export async function startEureka(options: EurekaOptions = {}): Promise<EurekaServer> {
  const build = await provide('eureka', {
    ...(options.signal === undefined ? {} : { signal: options.signal }),
    ...options.provide,
  });
  const { recipe } = servers.eureka;
  if (recipe.kind !== 'maven') throw new Error('eureka is not built by Maven');
  const server = await ManagedServer.start<EurekaPorts>({
    name: 'eureka',
    version: build.version,
    options,
    fixedPorts: options.port !== undefined,
    allocate: async () => ({ http: options.port ?? (await freePorts(1))[0]! }),
    prepare: async (dir, ports) => {
      if (options.auth !== undefined) await writePassword(dir, options.auth.password);
      const all = { ...propertiesFor(ports.http, options), 'isthmus.password-file': passwordFile(dir), ...options.properties };
      return {
        command: await javaCommand({
          home: build.home,
          dir,
          mainClass: recipe.mainClass,
          heapMb: options.heapMb ?? 192,
          recordsClasses: options.recordsClasses === true,
          jvmFlags: [],
          args: Object.entries(all).map(([key, value]) => `--${key}=${value}`),
        }),
      };
    },
    probe: async (ports, signal) => (await http(ports.http, '/eureka/apps', { headers: basic(options), signal })).status === 200,
    data: [],
    startTimeoutMs: 90_000,
    stopGraceMs: options.recordsClasses === true ? 120_000 : 5_000,
    leavesNothing: options.recordsClasses !== true,
  });
  return Object.assign(server, { changePassword: (password: string) => writePassword(server.dir, password) });
}

const passwordFile = (dir: string): string => join(dir, 'password');

/** Whole at every moment: the server reads it at each request. */
async function writePassword(dir: string, password: string): Promise<void> {
  const file = passwordFile(dir);
  await writeFile(`${file}.new`, password, { mode: 0o600 });
  await rename(`${file}.new`, file);
}

/** Servers that replicate to one another. */
export async function startEurekaCluster(
  size: number,
  options: Omit<EurekaOptions, 'port' | 'peers' | 'dir'> = {},
): Promise<EurekaServer[]> {
  const ports = await freePorts(size);
  const started = await Promise.allSettled(
    ports.map((port) => startEureka({ ...options, port, peers: ports.filter((other) => other !== port) })),
  );
  const running = started.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  const failed = started.find((result) => result.status === 'rejected');
  if (failed === undefined) return running;
  await Promise.all(running.map((server) => server.stop()));
  throw failed.reason;
}

function basic({ auth }: EurekaOptions): Record<string, string> {
  if (auth === undefined) return {};
  return { authorization: `Basic ${Buffer.from(`${auth.username}:${auth.password}`).toString('base64')}` };
}

function propertiesFor(
  port: number,
  { auth, peers = [], selfPreservation = false }: EurekaOptions,
): Record<string, string | number | boolean> {
  const login = auth === undefined ? '' : `${encodeURIComponent(auth.username)}:${encodeURIComponent(auth.password)}@`;
  const urls = (peers.length > 0 ? peers : [port]).map((peer) => `http://${login}127.0.0.1:${peer}/eureka/`);
  return {
    'server.port': port,
    'server.address': '127.0.0.1',
    'spring.application.name': 'eureka',
    'spring.main.banner-mode': 'off',
    // Eureka takes a peer whose host name equals its own for itself and does not replicate to it. One alone has to know itself: a renewal
    // that it replicates to itself after a deregistration registers the instance again.
    'eureka.instance.hostname': peers.length > 0 ? `eureka-${port}` : '127.0.0.1',
    'eureka.client.register-with-eureka': false,
    'eureka.client.fetch-registry': peers.length > 0,
    'eureka.client.service-url.defaultZone': urls.join(','),
    'eureka.server.enable-self-preservation': selfPreservation,
    'eureka.server.eviction-interval-timer-in-ms': 2_000,
    'eureka.server.use-read-only-response-cache': false, // else readers see changes up to 30 s late
    'eureka.server.response-cache-update-interval-ms': 500,
    'eureka.server.wait-time-in-ms-when-sync-empty': 0,
    'isthmus.auth': auth !== undefined,
    'isthmus.hashes-passwords': auth?.hashed === true,
    'spring.security.user.name': auth?.username ?? 'nobody',
  };
}
