// What `pkg/config/validation` of istio.io/istio refuses in a ServiceEntry, and the limits of its CRD. Over MCP istiod
// never says no: it only logs and leaves the service out, so Isthmus has to know beforehand.
import { isIP } from 'node:net';
import { ServiceEntry_Resolution } from '@isthmus/proto/istio';
import { PROTOCOLS } from '@isthmus/model';
import type { Diagnostic, Endpoint } from '@isthmus/model';
import type { ServiceEntry, WorkloadEntry } from '@isthmus/proto/istio';

const DNS_LABEL = /^[a-zA-Z0-9](?:[-a-zA-Z0-9]{0,61}[a-zA-Z0-9])?$/;
const LABEL_NAME = /^[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?$/;
const LABEL_PREFIX = /^[a-z0-9](?:[-a-z0-9.]*[a-z0-9])?$/;
/** The first label of a wildcard host: `*`, `*-eu`, `*eu`. */
const WILDCARD_LABEL = /^\*(?:-?[a-zA-Z0-9](?:[-a-zA-Z0-9]*[a-zA-Z0-9])?)?$/;
const RESOLVED: ReadonlySet<ServiceEntry_Resolution> = new Set([
  ServiceEntry_Resolution.DNS,
  ServiceEntry_Resolution.DNS_ROUND_ROBIN,
]);
/** What DYNAMIC_DNS can go by: a name in each request, or as SNI. */
const NAMING: ReadonlySet<string> = new Set(['HTTP', 'HTTP2', 'GRPC', 'TLS']);
const MOST_LABELS = 256;
const MOST_PORTS = 256;
const LONGEST_LOCALITY = 2048;
/** The CRD's pattern for names of an endpoint's ports is one shorter than a DNS label. */
const LONGEST_PORT_NAME = 62;
const LONGEST_ACCOUNT = 253;
const PORT_PROTOCOLS = new Set<string>(PROTOCOLS.map((protocol) => protocol.toUpperCase()));

/** Why Istio would refuse the ServiceEntry, one sentence per rule; endpoints are left to `endpointFault`. */
export function serviceEntryFaults(entry: ServiceEntry): readonly string[] {
  const faults: string[] = [];
  if (entry.hosts.length === 0) faults.push('it has no host');
  for (const host of entry.hosts) {
    if (host === '*') faults.push('host * means every host, which is no service');
    else if (!isDomain(host) && !isWildcardDomain(host))
      faults.push(`host ${host} is no DNS-1123 name of at most 253 characters, and no such name after *.`);
    else if (host.startsWith('*') && entry.endpoints.length === 0 && RESOLVED.has(entry.resolution))
      faults.push(`host ${host} cannot be resolved, and the service has no endpoints`);
  }
  if (entry.resolution === ServiceEntry_Resolution.DYNAMIC_DNS && entry.addresses.length > 0)
    faults.push('addresses are set, and resolution DYNAMIC_DNS goes by names');
  for (const address of entry.addresses) if (isIP(address) === 0) faults.push(`address ${address} is no IP`);
  if (entry.ports.length === 0) faults.push('it has no port');
  if (entry.ports.length > MOST_PORTS) faults.push(`${entry.ports.length} ports, the most is ${MOST_PORTS}`);
  const names = new Set<string>();
  const numbers = new Set<number>();
  for (const { name, number, protocol } of entry.ports) {
    if (!DNS_LABEL.test(name) || name.length > LONGEST_PORT_NAME)
      faults.push(`port name ${name} is no DNS label of at most 62 characters`);
    if (!isPort(number)) faults.push(`port ${number} is not between 1 and 65535`);
    if (!PORT_PROTOCOLS.has(protocol)) faults.push(`port ${name} has the unknown protocol ${protocol}`);
    if (entry.resolution === ServiceEntry_Resolution.DYNAMIC_DNS && !NAMING.has(protocol))
      faults.push(`port ${name} has the protocol ${protocol}, in which callers name nobody whose address could be looked up`);
    if (names.has(name)) faults.push(`port name ${name} is used twice`);
    if (numbers.has(number)) faults.push(`port ${number} is used twice`);
    names.add(name);
    numbers.add(number);
  }
  return faults;
}

/** Why Istio would refuse the whole ServiceEntry because of this endpoint. */
export function endpointFault(endpoint: Endpoint, mustBeIp: boolean): string | undefined {
  return (
    addressFault(endpoint.address, mustBeIp) ??
    portFault(endpoint.port) ??
    placeFault(endpoint) ??
    accountFault(endpoint.identity) ??
    labelsFault(endpoint.labels)
  );
}

/** The same for a ServiceEntry that came from elsewhere: everything that Istio would refuse it for. */
export function validateServiceEntry(entry: ServiceEntry, where: string): readonly Diagnostic[] {
  const mustBeIp = entry.resolution === ServiceEntry_Resolution.STATIC;
  const names = new Set(entry.ports.map((port) => port.name));
  const faults = [...serviceEntryFaults(entry)];
  for (const endpoint of entry.endpoints) {
    const fault = workloadFault(endpoint, names, mustBeIp);
    if (fault !== undefined) faults.push(`endpoint ${endpoint.address}: ${fault}`);
  }
  return faults.map((what) => ({
    code: 'translate.rejected',
    severity: 'error',
    where,
    what,
    meaning: 'Istio would refuse the ServiceEntry',
    remedy: 'correct it before it is sent',
  }));
}

function workloadFault(entry: WorkloadEntry, portNames: ReadonlySet<string>, mustBeIp: boolean): string | undefined {
  for (const [name, port] of Object.entries(entry.ports)) {
    if (!portNames.has(name)) return `port ${name} is none of the service`;
    const fault = portFault(port);
    if (fault !== undefined) return fault;
  }
  return (
    addressFault(entry.address, mustBeIp) ?? placeFault(entry) ?? accountFault(entry.serviceAccount) ?? labelsFault(entry.labels)
  );
}

function addressFault(address: string, mustBeIp: boolean): string | undefined {
  if (isIP(address) !== 0) return undefined;
  if (mustBeIp) return `address ${address} is no IP, in a service whose endpoints are IPs`;
  return isDomain(address) ? undefined : `address ${address} is neither an IP nor a DNS name`;
}

function portFault(port: number): string | undefined {
  return isPort(port) ? undefined : `port ${port} is not between 1 and 65535`;
}

function placeFault(place: { readonly locality?: unknown; readonly network: string }): string | undefined {
  const { locality, network } = place;
  const length = typeof locality === 'string' ? locality.length : Object.values(locality ?? {}).join('/').length;
  if (length > LONGEST_LOCALITY) return `a locality of ${length} characters, the most is ${LONGEST_LOCALITY}`;
  return network.length > LONGEST_LOCALITY
    ? `a network of ${network.length} characters, the most is ${LONGEST_LOCALITY}`
    : undefined;
}

function accountFault(account: string): string | undefined {
  if (account.length <= LONGEST_ACCOUNT) return undefined;
  return `a service account of ${account.length} characters, the most is ${LONGEST_ACCOUNT}`;
}

function labelsFault(labels: Readonly<Record<string, string>>): string | undefined {
  const entries = Object.entries(labels);
  if (entries.length > MOST_LABELS) return `${entries.length} labels, the most is ${MOST_LABELS}`;
  for (const [key, value] of entries) {
    if (!isLabelKey(key)) return `label name ${JSON.stringify(key.slice(0, 80))} is none that Istio accepts`;
    if (value !== '' && !(value.length <= 63 && LABEL_NAME.test(value))) return `label ${key} has a value that Istio refuses`;
  }
  return undefined;
}

function isLabelKey(key: string): boolean {
  const slash = key.indexOf('/');
  const name = key.slice(slash + 1);
  if (name.length > 63 || !LABEL_NAME.test(name)) return false;
  return slash < 0 || (slash <= 253 && LABEL_PREFIX.test(key.slice(0, slash)));
}

function isDomain(name: string): boolean {
  const labels = name.split('.');
  return name.length <= 253 && labels.every((label) => DNS_LABEL.test(label)) && !/^[-+]?\d+$/.test(labels.at(-1) ?? '');
}

function isWildcardDomain(host: string): boolean {
  const dot = host.indexOf('.');
  const first = host.slice(0, dot);
  return dot > 0 && first.length <= 63 && WILDCARD_LABEL.test(first) && host.length <= 253 && isDomain(host.slice(dot + 1));
}

function isPort(port: number): boolean {
  return Number.isInteger(port) && port >= 1 && port <= 65_535;
}
