import { ServiceEntry_Location as Location, ServiceEntry_Resolution as Resolution } from '@isthmus/proto/istio';
import type { IstioObject, ServiceEntry } from '@isthmus/proto/istio';
import {
  HOST_REMEDY,
  checkLabels,
  checkPort,
  checkPortName,
  checkProtocol,
  checkSubnet,
  checkWildcardHost,
  hostProblem,
  isAddress,
  isHttp,
  isTcp,
  isTls,
  isWildcard,
} from './names.ts';
import { checkExportTo, checkSelector } from './selectors.ts';
import type { Spot } from './spot.ts';
import { checkName, checkPorts, checkWorkload } from './workload.ts';

const { DNS, DNS_ROUND_ROBIN, DYNAMIC_DNS, NONE, STATIC } = Resolution;

export function checkServiceEntry(object: IstioObject<'ServiceEntry'>, at: Spot): void {
  const { spec, namespace } = object;
  checkSelector(spec.workloadSelector?.labels, at.at('workloadSelector'), 'labels');
  if (spec.workloadSelector !== undefined && spec.endpoints.length > 0)
    at.at('workloadSelector').error('and endpoints exclude each other', 'keep one of the two');
  checkHosts(spec, at);
  for (const [i, address] of spec.addresses.entries()) checkSubnet(address, at.at('addresses', i));
  if (spec.addresses.some((address) => address.includes('/')) && spec.resolution !== NONE && spec.resolution !== STATIC)
    at.at('addresses').error('has ranges, which only resolution NONE and STATIC can have', 'write single addresses');
  checkServicePorts(object, at.at('ports'));
  checkResolution(object, at);
  if (
    spec.resolution !== NONE &&
    spec.hosts.length > 1 &&
    spec.ports.some(({ protocol }) => !isHttp(protocol) && !isTls(protocol))
  )
    at.at('hosts').error('has several names, and a port on which nothing tells them apart', 'write one entry for each host');
  checkExportTo(namespace, spec.exportTo, { allowsNone: true, staysHome: false }, at.at('exportTo'));
}

function checkHosts({ hosts, resolution }: ServiceEntry, at: Spot): void {
  if (hosts.length === 0) at.error('has no hosts', 'add `hosts: [...]`');
  for (const [i, host] of hosts.entries()) {
    const here = at.at('hosts', i);
    if (host === '*') here.error('is "*"', 'name a host, or *.example.com');
    else checkWildcardHost(host, here);
    if (resolution !== DYNAMIC_DNS && host.includes('*') && host.length > 1 && !host.startsWith('*.'))
      here.warn(`is ${JSON.stringify(host)}: a * stands for whole labels only`, 'write *.example.com');
  }
}

function checkServicePorts({ spec, labels }: IstioObject<'ServiceEntry'>, at: Spot): void {
  const getsAddress = spec.resolution !== NONE && labels['networking.istio.io/enable-autoallocate-ip']?.toLowerCase() !== 'false';
  for (const [i, { name, number, protocol, targetPort }] of spec.ports.entries()) {
    const here = at.at(i);
    const before = spec.ports.slice(0, i);
    if (before.some((port) => port.name === name))
      here.at('name').error(`is ${JSON.stringify(name)}, which is there already`, 'give every port a name of its own');
    if (before.some((port) => port.number === number))
      here.at('number').error(`is ${number}, which is there already`, 'use each port once');
    if (targetPort !== 0) checkPort(targetPort, here.at('targetPort'));
    if (spec.addresses.length === 0 && !getsAddress && (protocol === '' || protocol === 'TCP'))
      here.warn('is TCP without an address: callers of other services on this port would be taken for its own', 'add addresses');
    checkPortName(name, here.at('name'));
    checkProtocol(protocol, here.at('protocol'));
    checkPort(number, here.at('number'));
  }
}

function checkResolution(object: IstioObject<'ServiceEntry'>, at: Spot): void {
  const { spec } = object;
  const portNames = spec.ports.map(({ name }) => name);
  switch (spec.resolution) {
    case NONE:
      if (spec.endpoints.length > 0)
        at.at('endpoints').error('are set, and resolution NONE goes where the caller dialled', 'use STATIC or DNS');
      if (spec.workloadSelector !== undefined)
        at.at('workloadSelector').warn('is of no use with resolution NONE', 'use STATIC or DNS');
      return;
    case STATIC:
      for (const [i, endpoint] of spec.endpoints.entries()) checkWorkload(endpoint, portNames, false, at.at('endpoints', i));
      return;
    case DNS:
    case DNS_ROUND_ROBIN:
      return checkDns(spec, portNames, at);
    case DYNAMIC_DNS:
      return checkDynamicDns(object, at);
    default:
      at.at('resolution').error(`is ${spec.resolution}`, 'use NONE, STATIC, DNS or DNS_ROUND_ROBIN');
  }
}

function checkDns(spec: ServiceEntry, portNames: readonly string[], at: Spot): void {
  if (spec.endpoints.length === 0) {
    const bad = spec.hosts.findIndex((host) => hostProblem(host) !== undefined);
    if (bad >= 0)
      at.at('hosts', bad).error(
        `is ${JSON.stringify(spec.hosts[bad])}, which nobody can look up`,
        `${HOST_REMEDY}, or add endpoints`,
      );
  }
  if (spec.resolution === DNS_ROUND_ROBIN && spec.endpoints.length > 1)
    at.at('endpoints').error(`are ${spec.endpoints.length}, and DNS_ROUND_ROBIN has one`, 'use DNS');
  for (const [i, endpoint] of spec.endpoints.entries()) {
    const here = at.at('endpoints', i);
    if (!isAddress(endpoint.address)) checkName(endpoint.address, true, here.at('address'));
    checkLabels(endpoint.labels, here.at('labels'));
    checkPorts(endpoint, portNames, here.at('ports'));
  }
  if (spec.addresses.length > 0 && spec.hosts.length > 1 && spec.ports.some(({ protocol }) => isTcp(protocol)))
    at.at('hosts').warn('has several names for one address and a TCP port', 'write one entry for each host');
}

function checkDynamicDns({ spec, labels }: IstioObject<'ServiceEntry'>, at: Spot): void {
  for (const [i, host] of spec.hosts.entries())
    if (!isWildcard(host)) at.at('hosts', i).error(`is ${JSON.stringify(host)}, and DYNAMIC_DNS is for wildcards`, 'use DNS');
  for (const field of ['addresses', 'endpoints'] as const)
    if (spec[field].length > 0) at.at(field).error('are set, and DYNAMIC_DNS takes what the caller named', 'take them out');
  for (const [i, { protocol }] of spec.ports.entries())
    if (!['http', 'tls', 'grpc', 'http2'].includes(protocol.toLowerCase()))
      at.at('ports', i, 'protocol').error(`is ${JSON.stringify(protocol)}`, 'use HTTP, HTTP2, GRPC or TLS');
  const waypoint = labels['istio.io/use-waypoint'] ?? '';
  if (spec.location === Location.MESH_INTERNAL && waypoint !== '' && waypoint.toLowerCase() !== 'none')
    at.at('location').error('is MESH_INTERNAL, which DYNAMIC_DNS cannot be behind a waypoint', 'use MESH_EXTERNAL');
}
