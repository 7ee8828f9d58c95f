import { isIP } from 'node:net';
import { NOWHERE, PROTOCOLS, isWildcardHost, parseDeclaredHost, serviceId } from '@isthmus/model';
import type { Diagnostic, Locality, Protocol, Resolution, ServiceDeclaration, ServiceKey, ServicePort } from '@isthmus/model';
import { printable } from './build-endpoint.ts';
import type { RawInstance } from './build-endpoint.ts';
import { buildRecord } from './build-record.ts';
import type { DeclaredService, RecordResult } from './build-record.ts';

/** Istio's ServiceEntry as plain data, whether it came as YAML or as protobuf. What is not set is empty. */
export interface PlainServiceEntry {
  readonly namespace: string;
  readonly name: string;
  /** Of several entries of one host the oldest decides what only one can; any scale. */
  readonly createdAt: number;
  readonly annotations: Readonly<Record<string, string>>;
  readonly hosts: readonly string[];
  readonly addresses: readonly string[];
  readonly ports: readonly PlainPort[];
  /** `dns`: without endpoints the host itself is dialled. `none`: wherever the caller wanted to go. `dynamic-dns`: whom the caller names. */
  readonly resolution: Resolution;
  /** `MESH_EXTERNAL`, which is Istio's default; ours is not, because it changes what proxies do. */
  readonly external?: boolean;
  readonly labels?: Readonly<Record<string, string>>;
  readonly subjectAltNames?: readonly string[];
  readonly endpoints: readonly PlainWorkload[];
  /** Instead of endpoints: labels of the WorkloadEntries of its namespace. */
  readonly selector: Readonly<Record<string, string>> | undefined;
  readonly exportTo: readonly string[];
}

export interface PlainPort {
  readonly number: number;
  readonly name: string;
  /** As Istio writes it, `HTTP`. */
  readonly protocol: string;
  /** 0: the number itself. */
  readonly targetPort: number;
}

/** A WorkloadEntry, or an endpoint of a ServiceEntry. */
export interface PlainWorkload {
  /** Empty inside a ServiceEntry. */
  readonly name: string;
  readonly address: string;
  /** Target port by the name of the service's port. */
  readonly ports: Readonly<Record<string, number>>;
  readonly labels: Readonly<Record<string, string>>;
  readonly network: string;
  /** `region/zone/subzone` */
  readonly locality: string;
  /** 0: not set. */
  readonly weight: number;
  readonly serviceAccount: string;
}

/** Annotations of objects that Isthmus makes: from which service ids, and through how many other bridges they came. */
const ORIGINS = 'isthmus.dev/origins';
const HOPS = 'isthmus.dev/hops';
/** Isthmus writes weights in hundredths, because Istio has whole numbers only. */
const OUR_WEIGHT_SCALE = 100;

/**
 * Another bridge already had it from a bridge. One hop is the most: two bridges that read each other would otherwise keep
 * a service alive for each other after its registry has dropped it.
 */
export function isTooFar(entry: PlainServiceEntry): boolean {
  return Number(entry.annotations[HOPS] ?? 0) >= 1;
}

/** Whether a WorkloadEntry with these labels is one of the entry's. An empty selector selects nothing. */
export function selects(entry: PlainServiceEntry, labels: Readonly<Record<string, string>>): boolean {
  const wanted = Object.entries(entry.selector ?? {});
  return wanted.length > 0 && wanted.every(([key, value]) => labels[key] === value);
}

/**
 * One record of all entries of a host: Isthmus and others write an entry per port and shard large services, so the entries
 * of one namespace are joined. Istio lets a host mean something else in every namespace; here the oldest entry's counts.
 *
 * @param workloads the WorkloadEntries that an entry selects
 */
export function serviceEntryRecord(
  key: ServiceKey,
  entries: readonly PlainServiceEntry[],
  workloads: (entry: PlainServiceEntry) => Iterable<PlainWorkload>,
): RecordResult {
  const { members, ports, declared } = joinEntries(key, entries);
  const instances = members.flatMap((entry) => [...instancesOf(entry, ports, workloads(entry))]);
  return buildRecord(key, parseDeclaredHost(key.name), instances, declared);
}

/** What the entries of a host say without their endpoints. */
export interface JoinedEntries {
  /** Those that count, the oldest first. */
  readonly members: readonly PlainServiceEntry[];
  readonly ports: readonly ServicePort[];
  readonly declared: DeclaredService;
}

export function joinEntries(key: ServiceKey, entries: readonly PlainServiceEntry[]): JoinedEntries {
  const ordered = [...entries].sort(
    (a, b) => a.createdAt - b.createdAt || compare(`${a.namespace}/${a.name}`, `${b.namespace}/${b.name}`),
  );
  const namespace = ordered[0]?.namespace ?? '';
  const members = ordered.filter((entry) => entry.namespace === namespace);
  const diagnostics: Diagnostic[] = [];
  const others = [...new Set(ordered.filter((entry) => entry.namespace !== namespace).map((entry) => entry.namespace))];
  if (others.length > 0) diagnostics.push(elsewhere(key, namespace, others));

  const ports = joinPorts(key, members, diagnostics);
  const addresses = members.flatMap((entry) => entry.addresses);
  const vip = addresses.find((address) => isIP(address) !== 0);
  const exportTo = members.find((entry) => entry.exportTo.length > 0)?.exportTo;
  const origins = [...new Set(members.flatMap(originsOf))].sort();
  const declared = {
    ports,
    declared: declarationOf(key.name, members),
    ...(vip === undefined ? {} : { vip }),
    ...(namespace === '' ? {} : { meshNamespace: namespace }),
    ...(exportTo === undefined ? {} : { exportTo }),
    ...(origins.length === 0 ? {} : { origins }),
    diagnostics,
  };
  return { members, ports, declared };
}

/** What the joined entries say together; of what only one can say the oldest decides. */
function declarationOf(host: string, entries: readonly PlainServiceEntry[]): ServiceDeclaration {
  const [oldest] = entries;
  const { resolution = 'static' } = oldest ?? {};
  return {
    // DYNAMIC_DNS is for wildcards: of another host, which a source may send unchecked, Istio waits for endpoints.
    resolution: resolution === 'dynamic-dns' && !isWildcardHost(host) ? 'static' : resolution,
    addresses: [...new Set(entries.flatMap(({ addresses }) => addresses))].filter(
      (address) => isIP(address.split('/')[0] ?? '') !== 0,
    ),
    external: oldest?.external ?? false,
    createdAt: oldest?.createdAt ?? 0,
    labels: oldest?.labels ?? {},
    subjectAltNames: [...new Set(entries.flatMap(({ subjectAltNames = [] }) => subjectAltNames))],
    ...(entries.some(({ selector }) => selector !== undefined) && { selects: true }),
  };
}

function joinPorts(key: ServiceKey, entries: readonly PlainServiceEntry[], diagnostics: Diagnostic[]): readonly ServicePort[] {
  const ports = new Map<number, ServicePort>();
  const names = new Set<string>();
  for (const { number, name, protocol, targetPort } of entries.flatMap((entry) => entry.ports)) {
    const where = `${serviceId(key)} ${printable(name)}`;
    const known = protocolOf(protocol, name);
    if (!Number.isInteger(number) || number < 1 || number > 65_535 || known === 'udp') {
      diagnostics.push({
        code: known === 'udp' ? 'port.unknown-protocol' : 'port.invalid',
        severity: 'error',
        where,
        what: known === 'udp' ? `port ${number} is UDP` : `port ${number} is not between 1 and 65535`,
        meaning: 'the port is left out',
        remedy: known === 'udp' ? 'the mesh carries TCP only: reach it without the mesh' : 'correct the ServiceEntry',
      });
      continue;
    }
    if (ports.has(number) || names.has(name)) continue; // a shard, or the older entry's name counts
    if (known === undefined) {
      diagnostics.push({
        code: 'port.unknown-protocol',
        severity: 'warning',
        where,
        what: `protocol ${printable(protocol)} is none that the mesh understands`,
        meaning: 'the port is treated as TCP',
        remedy: `use one of ${PROTOCOLS.join(', ')}`,
      });
    }
    names.add(name);
    ports.set(number, { number, name, protocol: known ?? 'tcp', ...(targetPort === 0 ? {} : { targetPort }) });
  }
  return [...ports.values()].sort((a, b) => a.number - b.number);
}

/** Without a protocol Istio goes by the name of the port, up to its first dash. */
function protocolOf(protocol: string, portName: string): Protocol | 'udp' | undefined {
  const byName = portName.startsWith('grpc-web') ? 'grpc-web' : (portName.split('-')[0] ?? '');
  const lower = (protocol === '' ? byName : protocol).toLowerCase();
  if (lower === 'udp') return 'udp';
  if (lower === 'http_proxy') return 'http';
  return PROTOCOLS.find((known) => known === lower) ?? (protocol === '' ? 'tcp' : undefined);
}

export function* instancesOf(
  entry: PlainServiceEntry,
  declared: readonly ServicePort[],
  selected: Iterable<PlainWorkload>,
): Generator<RawInstance> {
  const isOurs = ORIGINS in entry.annotations;
  const members: PlainWorkload[] = [...(entry.selector === undefined ? entry.endpoints : dialled(entry, selected))];
  // The host is then the address; each caller's own resolver finds it.
  if (
    members.length === 0 &&
    entry.selector === undefined &&
    (entry.resolution === 'dns' || entry.resolution === 'dns-round-robin')
  )
    members.push(...entry.hosts.map(itself));
  for (const port of entry.ports) {
    const service = declared.find(({ number }) => number === port.number);
    if (service === undefined) continue;
    for (const member of members) {
      const target = member.ports[port.name] ?? (port.targetPort === 0 ? port.number : port.targetPort);
      yield {
        instanceId: member.name === '' ? `${member.address}:${target}` : member.name,
        address: member.address,
        port: target,
        weight: member.weight === 0 ? 1 : isOurs ? member.weight / OUR_WEIGHT_SCALE : member.weight,
        health: 'healthy',
        metadata: member.labels,
        locality: localityOf(member.locality || labelledLocality(member.labels)),
        protocol: service.protocol,
        portName: service.name,
        network: member.network,
        identity: member.serviceAccount,
      };
    }
  }
}

/** DNS_ROUND_ROBIN has one name that is dialled: as in istiod that of the first workload, by name. */
function dialled({ resolution }: PlainServiceEntry, selected: Iterable<PlainWorkload>): readonly PlainWorkload[] {
  const all = [...selected];
  return resolution === 'dns-round-robin' ? all.sort((a, b) => compare(a.name, b.name)).slice(0, 1) : all;
}

function itself(host: string): PlainWorkload {
  return { name: '', address: host, ports: {}, labels: {}, network: '', locality: '', weight: 0, serviceAccount: '' };
}

function localityOf(text: string): Locality {
  const [region = '', zone = '', ...rest] = text.split('/');
  return text === '' ? NOWHERE : { region, zone, subzone: rest.join('/') };
}

/** As Istio reads it where a workload's locality is not set; a label cannot have slashes, so dots may stand for them. */
function labelledLocality(labels: PlainWorkload['labels']): string {
  const text = labels['topology.istio.io/locality'] ?? labels['istio-locality'] ?? '';
  return text.includes('/') ? text : text.replaceAll('.', '/');
}

function originsOf({ annotations }: PlainServiceEntry): readonly string[] {
  return (annotations[ORIGINS] ?? '').split(',').filter((origin) => origin !== '');
}

function elsewhere(key: ServiceKey, namespace: string, others: readonly string[]): Diagnostic {
  return {
    code: 'host.conflict',
    severity: 'error',
    where: serviceId(key),
    what: `ServiceEntries of the namespaces ${others.slice(0, 5).map(printable).join(', ')} have the host ${printable(key.name)} too`,
    meaning: `those of ${printable(namespace)}, the oldest, are taken, the others are left out`,
    remedy: 'keep a host in one namespace',
  };
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
