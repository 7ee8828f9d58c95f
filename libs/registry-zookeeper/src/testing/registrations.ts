import type { TestInstance } from '@isthmus/registry/testing';

/** How providers register: Dubbo 3 (and Spring Cloud) by application, Dubbo 2 by interface. */
export type Level = 'application' | 'interface';

/** The node of an instance; its data with it. */
export interface Registration {
  readonly path: string;
  readonly data: string;
}

export function registrationOf(level: Level, service: string, instance: TestInstance): Registration {
  const address = `${instance.address}:${instance.port}`;
  if (level === 'application') return { path: `/services/${service}/${address}`, data: curatorJson(service, instance) };
  const { version: revision, ...metadata } = instance.metadata ?? {};
  const parameters = {
    ...metadata,
    ...(revision === undefined ? {} : { revision }), // another `version` would be another service
    interface: service,
    ...(instance.weight === undefined ? {} : { weight: String(instance.weight * 100) }),
    ...(instance.healthy === false || instance.enabled === false ? { disabled: 'true' } : {}),
  };
  return { path: `/dubbo/${service}/providers/${providerUrl(address, service, parameters)}`, data: '127.0.0.1' };
}

/** As Dubbo writes it: encoded as a whole. */
export function providerUrl(address: string, service: string, parameters: Readonly<Record<string, string>>): string {
  const query = Object.entries(parameters)
    .map(([key, value]) => `${key}=${value}`)
    .join('&');
  return encodeURIComponent(`dubbo://${address}/${service}?${query}`);
}

function curatorJson(service: string, instance: TestInstance): string {
  const id = `${instance.address}:${instance.port}`;
  const metadata = {
    ...instance.metadata,
    ...(instance.weight === undefined ? {} : { weight: String(instance.weight) }),
    ...(instance.healthy === false ? { instance_status: 'DOWN' } : {}),
    ...(instance.enabled === false ? { instance_status: 'OUT_OF_SERVICE' } : {}),
  };
  const { address, port } = instance;
  return JSON.stringify({ name: service, id, address, port, sslPort: null, payload: { id, name: service, metadata } });
}
