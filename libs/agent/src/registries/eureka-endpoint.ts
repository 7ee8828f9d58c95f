import type { ViewEndpoint } from '@isthmus/contract';
import type { EurekaInstance } from './eureka-client.ts';
import { fieldsOf, textOf, zoneOf } from './values.ts';

const ADDRESS = /^(\d{1,3}(\.\d{1,3}){3}|[0-9a-f:]*:[0-9a-f:.]+)$/i;

/** As the bridge reads an instance: the plain port if it is on, else the secure one; the address before the name. */
export function eurekaEndpoint(instance: EurekaInstance): ViewEndpoint {
  const metadata = fieldsOf(instance.metadata);
  const [plain, secure] = [fieldsOf(instance.port), fieldsOf(instance.securePort)];
  const isSecure = String(plain['@enabled']) === 'false' && String(secure['@enabled']) === 'true';
  const ip = textOf(instance.ipAddr);
  return {
    address: ADDRESS.test(ip) ? ip : textOf(instance.hostName),
    port: Number((isSecure ? secure : plain)['$']),
    weight: Number(metadata['weight'] ?? 1),
    healthy: instance.status === 'UP',
    zone: zoneOf(metadata),
    protocol: textOf(metadata['protocol']) || (isSecure ? 'https' : ''),
  };
}
