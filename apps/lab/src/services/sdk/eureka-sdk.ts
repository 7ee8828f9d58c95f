import { Eureka, type EurekaClient } from 'eureka-js-client';
import type { ServiceSettings } from '../settings.ts';
import type { Discovery, Instance, Registration } from './discovery.ts';
import { sdkLogger } from './sdk-logger.ts';

/** npm `eureka-js-client` as services use it: a lease that is renewed, and the whole registry fetched again and again. */
export class EurekaSdk implements Discovery, Registration {
  readonly #client: Eureka;

  private constructor(client: Eureka) {
    this.#client = client;
  }

  /** For a service that registers itself. */
  static provider(settings: ServiceSettings, metadata: Readonly<Record<string, string>> = {}): EurekaSdk {
    return new EurekaSdk(create(settings, { registerWithEureka: true, fetchRegistry: false }, metadata));
  }

  /** For one that only looks others up. */
  static consumer(settings: ServiceSettings): EurekaSdk {
    return new EurekaSdk(create(settings, { registerWithEureka: false, fetchRegistry: true }, {}));
  }

  /** Starts fetching. Eureka may come later: it is asked again every two seconds. */
  subscribe(): void {
    this.#client.start(() => undefined);
  }

  instances(service: string): readonly Instance[] {
    return this.#client.getInstancesByAppId(service).flatMap((found) => {
      const port = portOf(found.port);
      return port === undefined ? [] : [{ host: found.ipAddr, port, weight: 1, metadata: found.metadata ?? {} }];
    });
  }

  register(): Promise<void> {
    return new Promise((resolve, reject) => this.#client.start((error) => (error ? reject(error) : resolve())));
  }

  deregister(): Promise<void> {
    return new Promise((resolve, reject) => this.#client.stop((error) => (error ? reject(error) : resolve())));
  }
}

function create(
  settings: ServiceSettings,
  role: { readonly registerWithEureka: boolean; readonly fetchRegistry: boolean },
  metadata: Readonly<Record<string, string>>,
): Eureka {
  const { host, port, name, version, eureka } = settings;
  const instance: EurekaClient.EurekaInstanceConfig = {
    app: name.toUpperCase(),
    instanceId: `${host}:${name}:${port}`,
    hostName: host,
    ipAddr: host,
    port: { $: port, '@enabled': true },
    vipAddress: name,
    dataCenterInfo: { '@class': 'com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo', name: 'MyOwn' },
    healthCheckUrl: `http://${host}:${port}/health`,
    metadata: { version, ...metadata },
    leaseInfo: { renewalIntervalInSecs: 2, durationInSecs: 6 },
  };
  const config: EurekaClient.EurekaConfig = {
    instance,
    eureka: {
      host: eureka.host,
      port: eureka.port,
      servicePath: '/eureka/apps/',
      heartbeatInterval: 2_000,
      registryFetchInterval: 2_000,
      maxRetries: 1,
      ...role,
    },
    logger: sdkLogger('eureka'),
  };
  return new Eureka(config);
}

function portOf(port: EurekaClient.EurekaInstanceConfig['port']): number | undefined {
  if (port === undefined || typeof port === 'number') return port;
  return '$' in port ? Number(port.$) : port.port;
}
