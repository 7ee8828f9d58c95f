import { test, expect } from '@jest/globals';
import { endpointKey, parseMeshHost, serviceId } from '@isthmus/model';
import type { MeshHost, MeshService, ServiceKey, ServicePort, ServiceRecord, SourceId } from '@isthmus/model';
import { buildRecord } from '@isthmus/registry';
import { SERVICE_ENTRY_TYPE, serviceEntryResources } from '@isthmus/translate';
import fc from 'fast-check';
import { Mirror } from './mirror.ts';

const ENVELOPE = 'type.googleapis.com/istio.mcp.v1alpha1.Resource';
const PORTS: readonly ServicePort[] = [
  { number: 80, name: 'http-80', protocol: 'http' },
  { number: 8081, name: 'grpc-8081', protocol: 'grpc' },
  { number: 6379, name: 'redis-6379', protocol: 'redis' },
];
const KEY: ServiceKey = { source: 'shop' as SourceId, namespace: 'public', group: 'G', name: 'orders' };
const HOST = parseMeshHost('orders.g.public.nacos') as MeshHost;

const part = fc.constantFrom('', 'eu', 'a', 'z-1');
const instance = fc
  .record({
    address: fc.oneof(
      fc.ipV4().filter((ip) => ip !== '0.0.0.0' && ip !== '255.255.255.255'),
      fc.constantFrom('fd00::1', 'fd00::2'),
    ),
    port: fc.integer({ min: 1, max: 65_535 }),
    portIndex: fc.nat({ max: PORTS.length - 1 }),
    // Istio has whole numbers: a bridge writes hundredths.
    hundredths: fc.integer({ min: 1, max: 1_000_000 }),
    locality: fc.record({ region: fc.constantFrom('eu', 'us'), zone: part, subzone: part }),
    metadata: fc.dictionary(fc.constantFrom('version', 'zone', 'protocol', 'a.b/c'), fc.constantFrom('v1', 'grpc', '')),
    network: fc.constantFrom('', 'vm'),
    identity: fc.constantFrom('', 'orders'),
  })
  .map(({ portIndex, hundredths, ...rest }, i = 0) => {
    const port = PORTS[portIndex] as ServicePort;
    return {
      ...rest,
      instanceId: `i${i}`,
      weight: hundredths / 100,
      health: 'healthy' as const,
      protocol: port.protocol,
      portName: port.name,
    };
  });

test('a record that goes over MCP and comes back has the same hosts, ports, endpoints, weights, localities and address', () => {
  fc.assert(
    fc.property(
      fc.array(instance, { minLength: 1, maxLength: 12 }),
      fc.constantFrom('240.241.7.9', undefined),
      (instances, vip) => {
        const sent = recordOf(buildRecord(KEY, HOST, instances, { ports: PORTS, ...(vip === undefined ? {} : { vip }) }));
        const back = overMcp(sent);
        expect(back.host).toBe(sent.host);
        expect(back.ports).toEqual([...PORTS].sort((a, b) => a.number - b.number));
        expect(back.vip).toBe(vip);
        expect(back.meshNamespace).toBe('isthmus');
        expect(back.origins).toEqual([serviceId(KEY)]);
        expect(back.endpoints.map(told)).toEqual(sent.endpoints.map(told));
      },
    ),
  );
});

test('a service of several shards comes back as one', () => {
  const many = Array.from({ length: 9_000 }, (_, n) => ({
    instanceId: `${n}`,
    address: `10.1.${n >> 8}.${n & 255}`,
    port: 8080,
    weight: 1,
    health: 'healthy' as const,
    metadata: {},
    protocol: 'http',
    portName: 'http-80',
  }));
  const sent = recordOf(buildRecord(KEY, HOST, many, { ports: PORTS.slice(0, 1) }));
  expect(overMcp(sent).endpoints.map(endpointKey)).toEqual(sent.endpoints.map(endpointKey));
});

test('what came over MCP makes no second hop: two bridges that read each other keep nothing alive', () => {
  const one = {
    instanceId: 'a',
    address: '10.0.0.1',
    port: 80,
    weight: 1,
    health: 'healthy' as const,
    metadata: {},
    portName: 'http-80',
  };
  const sent = recordOf(buildRecord(KEY, HOST, [one], { ports: PORTS.slice(0, 1) }));
  const read = overMcp(sent);
  expect(changeOverMcp(read)).toBeUndefined();
});

function overMcp(record: ServiceRecord): ServiceRecord {
  const change = changeOverMcp(record);
  if (change === undefined || !('upsert' in change)) throw new Error('it did not come back');
  return change.upsert;
}

function changeOverMcp(record: ServiceRecord): ReturnType<Mirror['changeOf']> {
  const service: MeshService = {
    host: record.host,
    namespace: 'isthmus',
    resolution: 'static',
    ports: record.ports ?? [],
    endpoints: record.endpoints.map((endpoint) => ({
      origin: serviceId(record.key),
      portName: endpoint.portName ?? '',
      endpoint,
    })),
    origins: [serviceId(record.key)],
    vip: record.vip,
    ...(record.origins === undefined ? {} : { importedFrom: record.origins }),
    diagnostics: [],
  };
  const mirror = new Mirror('other' as SourceId, () => true);
  const resources = serviceEntryResources(service).resources.map(({ name, version, bytes }) => ({
    name,
    version,
    typeUrl: ENVELOPE,
    value: bytes,
  }));
  const answer = { type: SERVICE_ENTRY_TYPE, isWhole: true, resources, removed: [], version: '1', nonce: '1' };
  const dirty = new Set<string>();
  const steps = mirror.apply(answer, dirty);
  let step = steps.next();
  while (step.done !== true) step = steps.next();
  expect(step.value).toEqual([]);
  return mirror.changeOf(record.host);
}

function recordOf(result: ReturnType<typeof buildRecord>): ServiceRecord {
  if (!('record' in result)) throw new Error(result.rejected.what);
  return result.record;
}

function told({
  address,
  port,
  portName,
  protocol,
  weight,
  locality,
  labels,
  network,
  identity,
}: ServiceRecord['endpoints'][number]) {
  return { address, port, portName, protocol, weight, locality, labels, network, identity };
}
