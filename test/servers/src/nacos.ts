/** Nacos 2 and 3, standalone with Derby, without console. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { javaCommand, properties } from './java.ts';
import { ManagedServer, type Launch } from './managed-server.ts';
import { createUsers, type NacosUser } from './nacos-users.ts';
import { freePortBase } from './ports.ts';
import { accepts, http } from './probe.ts';
import { provide, type ProvideOptions, type Provided } from './provide.ts';
import type { CommonOptions, Server } from './server.ts';
import { servers } from './versions.ts';

export interface NacosPorts extends Readonly<Record<string, number>> {
  readonly http: number;
  /** For clients: http + 1000. */
  readonly grpc: number;
  /** Between servers: http + 1001. */
  readonly clusterGrpc: number;
  /** JRaft: http − 1000. */
  readonly raft: number;
}

export interface NacosOptions extends CommonOptions {
  /** The HTTP port; the others follow from it. Default: one whose four ports are free. */
  readonly port?: number;
  /** Switches authentication on and creates this user with all rights (`nacos` is the administrator's name). Default: off. */
  readonly auth?: NacosUser;
  /** HTTP and gRPC speak TLS only, with these PEM files. Default: plaintext. */
  readonly tls?: { readonly certFile: string; readonly keyFile: string };
  /** Maximum heap, MB. Default 192, enough for 2,000 services; 10,000 × 10 want 768. */
  readonly heapMb?: number;
  /** Lines for application.properties, over ours. */
  readonly properties?: Readonly<Record<string, string>>;
  /** Writes the archive of its classes when it stops (class-archive.ts). Default false. */
  readonly recordsClasses?: boolean;
  readonly provide?: ProvideOptions;
}

export type NacosServer = Server<NacosPorts>;

type Generation = 2 | 3;

/** Ready in about 7 s. */
export function startNacos2(options: NacosOptions = {}): Promise<NacosServer> {
  return start(2, options);
}

/** Ready in about 8 s. The v1 and v2 APIs are on too. */
export function startNacos3(options: NacosOptions = {}): Promise<NacosServer> {
  return start(3, options);
}

async function start(generation: Generation, options: NacosOptions): Promise<NacosServer> {
  const name = generation === 2 ? 'nacos2' : 'nacos3';
  const build = await provide(name, { ...(options.signal === undefined ? {} : { signal: options.signal }), ...options.provide });
  const { auth } = options;
  const tls = options.tls !== undefined;
  return ManagedServer.start<NacosPorts>({
    name,
    version: build.version,
    options,
    fixedPorts: options.port !== undefined,
    allocate: async () => portsOf(options.port ?? (await freePortBase([1000, 1001, -1000]))),
    prepare: (dir, ports) => prepare(generation, build, dir, ports, options),
    probe: async (ports, signal) => {
      const path = generation === 2 ? '/nacos/actuator/health' : '/nacos/v3/admin/core/state/readiness';
      return (await http(ports.http, path, { signal, tls })).status === 200 && (await accepts(ports.grpc));
    },
    ...(auth === undefined ? {} : { furnish: (ports, signal) => createUsers(generation, ports.http, auth, signal, tls) }),
    data: ['data'],
    startTimeoutMs: 90_000,
    stopGraceMs: options.recordsClasses === true ? 120_000 : 5_000,
    leavesNothing: options.recordsClasses !== true,
  });
}

function portsOf(port: number): NacosPorts {
  return { http: port, grpc: port + 1000, clusterGrpc: port + 1001, raft: port - 1000 };
}

async function prepare(
  generation: Generation,
  build: Provided,
  dir: string,
  ports: NacosPorts,
  options: NacosOptions,
): Promise<Launch> {
  const conf = join(dir, 'conf');
  await mkdir(conf, { recursive: true });
  const own = generation === 2 ? nacos2Properties(ports) : nacos3Properties(ports, options);
  await writeFile(
    join(conf, 'application.properties'),
    properties({ ...commonProperties(options), ...own, ...tlsProperties(options), ...options.properties }),
  );
  const { recipe } = servers[build.server];
  if (recipe.kind !== 'maven') throw new Error(`${build.server} is not built by Maven`);
  const command = await javaCommand({
    home: build.home,
    dir,
    mainClass: recipe.mainClass,
    heapMb: options.heapMb ?? 192,
    resources: [conf],
    recordsClasses: options.recordsClasses === true,
    jvmFlags: [
      '-Dnacos.standalone=true',
      `-Dnacos.home=${dir}`,
      '-Dnacos.core.sys.basic.processors=1', // else thread pools for the machine's cores, several times
      '-Dnacos.remote.grpc.listen.ip=127.0.0.1',
      `-Dderby.stream.error.file=${join(dir, 'derby.log')}`,
    ],
    args: [`--spring.config.additional-location=file:${conf}/`],
  });
  return { command };
}

function commonProperties({ auth }: NacosOptions): Record<string, string | boolean> {
  return {
    'server.address': '127.0.0.1',
    'nacos.inetutils.ip-address': '127.0.0.1',
    'nacos.remote.grpc.listen.ip': '127.0.0.1',
    'nacos.core.auth.enabled': auth !== undefined,
    'nacos.core.auth.system.type': 'nacos',
    // With the cache a login right after the user was created fails.
    'nacos.core.auth.caching.enabled': false,
    'nacos.core.auth.server.identity.key': 'isthmus',
    'nacos.core.auth.server.identity.value': 'test',
    // Base64 of at least 32 bytes, or Nacos does not start.
    'nacos.core.auth.plugin.nacos.token.secret.key': Buffer.from('a key for servers that only tests start').toString('base64'),
  };
}

function tlsProperties({ tls }: NacosOptions): Record<string, string | boolean> {
  if (tls === undefined) return {};
  return {
    'server.ssl.enabled': true,
    'server.ssl.certificate': `file:${tls.certFile}`,
    'server.ssl.certificate-private-key': `file:${tls.keyFile}`,
    'nacos.remote.server.rpc.tls.enableTls': true,
    'nacos.remote.server.rpc.tls.sslProvider': 'JDK',
    'nacos.remote.server.rpc.tls.certChainFile': `file:${tls.certFile}`,
    'nacos.remote.server.rpc.tls.certPrivateKey': `file:${tls.keyFile}`,
    // Else it takes plaintext on the same port too.
    'nacos.remote.server.rpc.tls.compatibility': false,
  };
}

function nacos2Properties(ports: NacosPorts): Record<string, string | number | boolean> {
  const boot = 'org.springframework.boot.autoconfigure';
  return {
    'server.port': ports.http,
    'server.servlet.contextPath': '/nacos',
    'server.tomcat.accesslog.enabled': false,
    'server.error.include-message': 'ALWAYS',
    'spring.sql.init.mode': 'never',
    'spring.autoconfigure.exclude': [
      `${boot}.jdbc.DataSourceAutoConfiguration`,
      `${boot}.jdbc.DataSourceTransactionManagerAutoConfiguration`,
      `${boot}.ldap.LdapAutoConfiguration`,
    ].join(','),
    'nacos.core.auth.plugin.nacos.token.expire.seconds': 18_000,
  };
}

function nacos3Properties(ports: NacosPorts, { auth }: NacosOptions): Record<string, string | number | boolean> {
  return {
    'nacos.server.main.port': ports.http,
    'nacos.core.auth.admin.enabled': auth !== undefined,
    'nacos.core.auth.console.enabled': false,
    // The v1 and v2 APIs, which most clients in the field still use.
    'nacos.core.api.compatibility.client.enabled': true,
    'nacos.core.api.compatibility.admin.enabled': true,
    'nacos.core.api.compatibility.console.enabled': true,
  };
}
