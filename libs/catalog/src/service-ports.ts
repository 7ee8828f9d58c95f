import { PROTOCOLS, isHttpLike } from '@isthmus/model';
import type { Endpoint, Protocol, ServicePort, ServiceRecord } from '@isthmus/model';

/**
 * The stable service port of each protocol (a registry knows instance ports only). HTTP-like protocols share 80,
 * because Host tells services apart there; the others have the number that their servers are known by.
 */
const DEFAULT_PORTS: Readonly<Record<Protocol, number>> = {
  http: 80,
  http2: 80,
  grpc: 80,
  'grpc-web': 80,
  https: 443,
  tls: 8443,
  tcp: 9000,
  mongo: 27017,
  redis: 6379,
  mysql: 3306,
};

/** For a service that speaks a second HTTP-like protocol: 80 is taken by the first. */
const SECOND_HTTP: Readonly<Partial<Record<Protocol, number>>> = { http2: 8082, grpc: 8081, 'grpc-web': 8083 };

/** Sorted by number; depends on the set of protocols alone, never on an instance's port (higress#2511). */
function servicePorts(
  protocols: ReadonlySet<Protocol>,
  table: Readonly<Partial<Record<Protocol, number>>>,
  declared: readonly ServicePort[] = [],
): readonly ServicePort[] {
  const ports: ServicePort[] = [...declared];
  const taken = new Set<number>(declared.map((port) => port.number));
  for (const protocol of PROTOCOLS) {
    if (!protocols.has(protocol)) continue;
    const wanted = table[protocol] ?? DEFAULT_PORTS[protocol];
    const second = isHttpLike(protocol) ? (SECOND_HTTP[protocol] ?? wanted) : wanted;
    let number = taken.has(wanted) ? second : wanted;
    while (taken.has(number)) number += 1;
    taken.add(number);
    ports.push({ number, name: `${protocol}-${number}`, protocol });
  }
  return ports.sort((a, b) => a.number - b.number);
}

/**
 * What its sources declare (the first that has a number or a name keeps it), and a stable port for every protocol that
 * instances speak and nobody declares.
 */
export function portsOf(
  members: readonly ServiceRecord[],
  table: Readonly<Partial<Record<Protocol, number>>>,
): readonly ServicePort[] {
  const declared: ServicePort[] = [];
  for (const port of members.flatMap((record) => record.ports ?? [])) {
    if (!declared.some((other) => other.number === port.number || other.name === port.name)) declared.push(port);
  }
  const undeclared = new Set<Protocol>();
  for (const endpoint of members.flatMap((record) => record.endpoints)) {
    if (declaredPortOf(endpoint, declared) === undefined) undeclared.add(endpoint.protocol);
  }
  return servicePorts(undeclared, table, declared);
}

/** Name of the service port that an instance serves: the one it names, else the first of its protocol. */
export function portNameOf(endpoint: Endpoint, ports: readonly ServicePort[]): string {
  return (declaredPortOf(endpoint, ports) ?? ports[0])?.name ?? '';
}

function declaredPortOf(endpoint: Endpoint, ports: readonly ServicePort[]): ServicePort | undefined {
  return ports.find((port) => port.name === endpoint.portName) ?? ports.find((port) => port.protocol === endpoint.protocol);
}
