/** A Spring Cloud service, as people write them: it registers itself, and finds and balances by its registry's SDK. */
import { javaCommand } from './java.ts';
import { ManagedServer } from './managed-server.ts';
import { freePorts } from './ports.ts';
import { http } from './probe.ts';
import { provide, type ProvideOptions } from './provide.ts';
import type { CommonOptions, Server } from './server.ts';
import { servers } from './versions.ts';

export interface SpringPorts extends Readonly<Record<string, number>> {
  /** `GET /call/<service>` calls an instance of a service and answers what it answers (502: why not); `GET /instances/<service>` lists them. */
  readonly http: number;
}

export interface SpringOptions extends CommonOptions {
  readonly registry: 'nacos' | 'eureka' | 'consul';
  /** `127.0.0.1:8848`, `http://127.0.0.1:8761/eureka/`, `127.0.0.1:8500`. */
  readonly address: string;
  /** `spring.application.name`; default `caller`. */
  readonly application?: string;
  readonly port?: number;
  /** Spring properties over ours: logins, intervals. */
  readonly properties?: Readonly<Record<string, string>>;
  /** What a platform gives a JVM from outside: `-Dhttp.proxyHost=…`. */
  readonly jvmFlags?: readonly string[];
  /** Writes the archive of its classes when it stops (class-archive.ts). Default false. */
  readonly recordsClasses?: boolean;
  readonly provide?: ProvideOptions;
}

export type SpringApp = Server<SpringPorts>;

/** Ready, and registered, in about 5 s; 180 MB. */
export async function startSpringApp(options: SpringOptions): Promise<SpringApp> {
  const build = await provide('spring', {
    ...(options.signal === undefined ? {} : { signal: options.signal }),
    ...options.provide,
  });
  const { recipe } = servers.spring;
  if (recipe.kind !== 'maven') throw new Error('the Spring application is not built by Maven');
  return ManagedServer.start<SpringPorts>({
    name: 'spring',
    version: build.version,
    options,
    fixedPorts: options.port !== undefined,
    allocate: async () => ({ http: options.port ?? (await freePorts(1))[0]! }),
    prepare: async (dir, ports) => ({
      command: await javaCommand({
        home: build.home,
        dir,
        mainClass: recipe.mainClass,
        heapMb: 128,
        recordsClasses: options.recordsClasses === true,
        jvmFlags: ['-Djava.net.preferIPv4Stack=true', ...(options.jvmFlags ?? [])],
        args: Object.entries({ ...propertiesFor(options, ports.http, dir), ...options.properties }).map(
          ([key, value]) => `--${key}=${value}`,
        ),
      }),
    }),
    probe: async (ports, signal) => (await http(ports.http, '/actuator/health', { signal })).status === 200,
    data: [],
    startTimeoutMs: 90_000,
    stopGraceMs: options.recordsClasses === true ? 120_000 : 10_000,
  });
}

function propertiesFor(
  { registry, address, application = 'caller' }: SpringOptions,
  port: number,
  dir: string,
): Record<string, string | number | boolean> {
  const [host = '', registryPort = ''] = address.split(':');
  const own = {
    nacos: {
      'spring.cloud.nacos.discovery.server-addr': address,
      'spring.cloud.nacos.discovery.ip': '127.0.0.1',
      'spring.cloud.nacos.discovery.naming-load-cache-at-start': false,
    },
    eureka: {
      'eureka.client.service-url.defaultZone': address,
      'eureka.instance.prefer-ip-address': true,
      'eureka.instance.ip-address': '127.0.0.1',
    },
    consul: {
      'spring.cloud.consul.host': host,
      'spring.cloud.consul.port': registryPort,
      'spring.cloud.consul.discovery.hostname': '127.0.0.1',
      'spring.cloud.consul.config.enabled': false,
    },
  }[registry];
  return {
    'server.port': port,
    'server.address': '127.0.0.1',
    'spring.application.name': application,
    'spring.main.banner-mode': 'off',
    'spring.cloud.nacos.discovery.enabled': registry === 'nacos',
    'eureka.client.enabled': registry === 'eureka',
    'spring.cloud.consul.enabled': registry === 'consul',
    'spring.cloud.inetutils.timeout-seconds': 5,
    'JM.LOG.PATH': dir, // where the SDK of Nacos logs
    ...own,
  };
}
