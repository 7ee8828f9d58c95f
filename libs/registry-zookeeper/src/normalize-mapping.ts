import { hash } from 'node:crypto';
import { endpointKey, serviceId } from '@isthmus/model';
import type { Diagnostic, Endpoint, Scope } from '@isthmus/model';
import { meshHostName } from '@isthmus/registry';
import type { ServiceRead } from '@isthmus/registry';

const MOST_BYTES = 64 * 1024;
const MOST_APPLICATIONS = 1_000;

/** The data of `/dubbo/mapping/<interface>`: names of the applications that provide it, with commas between them. Sorted. */
export function applicationsOf(data: Buffer): readonly string[] {
  if (data.length > MOST_BYTES) return [];
  const names = data
    .toString('utf8')
    .split(',')
    .map((name) => name.trim());
  return [...new Set(names.filter((name) => name !== '' && !name.includes('/')))].sort().slice(0, MOST_APPLICATIONS);
}

export function mappingName(interfaceName: string): string {
  return `mapping:${interfaceName}`;
}

/**
 * An interface as the applications that provide it: `com.acme.greeter.zookeeper`. An instance counts once, however many of the
 * applications list it. An application may have hundreds of interfaces, so endpoints are shared and not built again.
 */
export function mappingRead(
  scope: Scope,
  interfaceName: string,
  applications: readonly ServiceRead[],
): ServiceRead | { readonly rejected: Diagnostic } {
  const key = { ...scope, name: mappingName(interfaceName) };
  const host = meshHostName([interfaceName], 'zookeeper');
  if (host === undefined) {
    return {
      rejected: {
        code: 'host.invalid',
        severity: 'error',
        where: serviceId(key),
        what: `no DNS name can be made of "${interfaceName}"`,
        meaning: 'the interface has no mesh host and is left out',
        remedy: 'map it to a host under merge.hosts',
      },
    };
  }
  const record = { key, host, endpoints: unionOf(applications), diagnostics: [] };
  const text = [interfaceName, ...applications.map((application) => application.hash)].join(' ');
  return { id: serviceId(key), record, hash: hash('sha1', text, 'base64'), persistent: false };
}

/** Sorted, one for each address and port. Of one application the list itself. */
export function unionOf(applications: readonly ServiceRead[]): readonly Endpoint[] {
  const [first, ...others] = applications;
  if (first === undefined) return [];
  if (others.length === 0) return first.record.endpoints;
  const all = new Map<string, Endpoint>();
  for (const { record } of applications) {
    for (const endpoint of record.endpoints) {
      const at = endpointKey(endpoint);
      if (!all.has(at) || (all.get(at)?.health !== 'healthy' && endpoint.health === 'healthy')) all.set(at, endpoint);
    }
  }
  return [...all].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, endpoint]) => endpoint);
}
