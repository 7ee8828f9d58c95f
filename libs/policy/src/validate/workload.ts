import type { IstioObject, WorkloadEntry, WorkloadGroup } from '@isthmus/proto/istio';
import { UNIX, checkLabels, checkNotNegative, checkPort, checkPortName, checkSocket, hostProblem, isAddress } from './names.ts';
import type { Spot } from './spot.ts';

export function checkWorkloadEntry({ spec }: IstioObject<'WorkloadEntry'>, at: Spot): void {
  checkWorkload(spec, undefined, true, at);
}

/** @param portNames of the service; undefined: not known */
export function checkWorkload(
  workload: WorkloadEntry,
  portNames: readonly string[] | undefined,
  mayBeName: boolean,
  at: Spot,
): void {
  const { address, network } = workload;
  if (address === '') {
    if (network === '') return at.error('has no address', 'add it');
    at.warn(
      `has no address: it is reached through a gateway of the network ${JSON.stringify(network)}`,
      'add an address, unless that is meant',
    );
  }
  if (address.startsWith(UNIX)) {
    checkSocket(address.slice(UNIX.length), at.at('address'));
    if (Object.keys(workload.ports).length > 0) at.at('ports').error('are set, and a Unix socket has none', 'take them out');
    if (portNames !== undefined && portNames.length !== 1)
      at.at('address').error(`is a Unix socket, and the service has ${portNames.length} ports`, 'use one port');
  } else if (address !== '' && !isAddress(address)) checkName(address, mayBeName, at.at('address'));
  checkPorts(workload, portNames, at.at('ports'));
  checkLabels(workload.labels, at.at('labels'));
}

export function checkName(address: string, mayBeName: boolean, at: Spot): void {
  if (!mayBeName) at.error(`is ${JSON.stringify(address)}, which is no IP address`, 'write one, or use resolution DNS');
  else if (hostProblem(address) !== undefined)
    at.error(`is ${JSON.stringify(address)}, which is neither an IP address nor a host name`, 'write one of the two');
}

export function checkPorts({ ports }: WorkloadEntry, portNames: readonly string[] | undefined, at: Spot): void {
  for (const [name, port] of Object.entries(ports)) {
    if (portNames !== undefined && !portNames.includes(name))
      at.at(name).error('is the name of no port of the service', `use one of ${portNames.join(', ')}`);
    checkPortName(name, at.at(name));
    checkPort(port, at.at(name));
  }
}

export function checkWorkloadGroup({ spec }: IstioObject<'WorkloadGroup'>, at: Spot): void {
  if (spec.template === undefined) return at.error('has no template', 'add it');
  checkLabels(spec.metadata?.labels ?? {}, at.at('metadata', 'labels'));
  if (spec.probe !== undefined) checkProbe(spec.probe, at.at('probe'));
}

function checkProbe(probe: NonNullable<WorkloadGroup['probe']>, at: Spot): void {
  for (const field of ['periodSeconds', 'initialDelaySeconds', 'timeoutSeconds', 'successThreshold', 'failureThreshold'] as const)
    checkNotNegative(probe[field], at.at(field));
  const { case: kind, value } = probe.healthCheckMethod;
  switch (kind) {
    case 'httpGet':
      checkPort(value.port, at.at(kind, 'port'));
      if (!['', 'HTTP', 'HTTPS'].includes(value.scheme))
        at.at(kind, 'scheme').error(`is ${JSON.stringify(value.scheme)}`, 'use HTTP or HTTPS');
      for (const [i, { name }] of value.httpHeaders.entries())
        if (!/^[-A-Za-z0-9]+$/.test(name))
          at.at(kind, 'httpHeaders', i, 'name').error(`is ${JSON.stringify(name)}`, 'use letters, digits and dashes');
      return;
    case 'tcpSocket':
      return checkPort(value.port, at.at(kind, 'port'));
    case 'exec':
      if (value.command.length === 0) at.at(kind).error('has no command', 'add it');
      return;
    case 'grpc': // Istio's API has it, its validator does not know it
    case undefined:
      return at.error('has no method that Istio knows', 'add httpGet, tcpSocket or exec');
    default:
      kind satisfies never;
  }
}
