import type { TestInstance } from '@isthmus/registry/testing';

/** An instance as Eureka's REST has it, in both directions. */
export interface WireInstance {
  readonly instanceId: string;
  readonly app: string;
  readonly status: string;
  readonly [field: string]: unknown;
}

export interface WireInstanceOptions {
  /** Seconds until a server drops it without a renewal. Default 90, as Eureka's clients. */
  readonly leaseSeconds?: number;
}

let lastDirty = 0;

/** What a Spring Cloud client would register for it. The id is the address and port, so that registering again changes it. */
export function wireInstance(app: string, instance: TestInstance, { leaseSeconds = 90 }: WireInstanceOptions = {}): WireInstance {
  // A server ignores a registration whose dirty timestamp is not newer than the one that it has.
  lastDirty = Math.max(Date.now(), lastDirty + 1);
  const weight = instance.weight === undefined ? {} : { weight: String(instance.weight) };
  return {
    instanceId: instanceId(app, instance.address, instance.port),
    hostName: instance.address,
    app,
    ipAddr: instance.address,
    status: instance.healthy === false ? 'DOWN' : 'UP',
    overriddenStatus: 'UNKNOWN',
    port: { $: instance.port, '@enabled': 'true' },
    securePort: { $: 443, '@enabled': 'false' },
    countryId: 1,
    dataCenterInfo: { '@class': 'com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo', name: 'MyOwn' },
    leaseInfo: { renewalIntervalInSecs: Math.ceil(leaseSeconds / 3), durationInSecs: leaseSeconds },
    metadata: { ...weight, ...instance.metadata },
    homePageUrl: `http://${instance.address}:${instance.port}/`,
    vipAddress: app,
    secureVipAddress: app,
    isCoordinatingDiscoveryServer: 'false',
    lastUpdatedTimestamp: String(lastDirty),
    lastDirtyTimestamp: String(lastDirty),
  };
}

export function instanceId(app: string, address: string, port: number): string {
  return `${address}:${app}:${port}`;
}
