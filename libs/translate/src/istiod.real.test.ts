import { readFileSync } from 'node:fs';
import { fromBinary, toJson } from '@bufbuild/protobuf';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { ClusterLoadAssignmentSchema, ClusterSchema, RouteConfigurationSchema } from '@isthmus/proto/envoy';
import { typeRegistry } from '@isthmus/proto/type-registry';
import { http, startIstiod } from '@isthmus/servers';
import { parse } from 'yaml';
import type { DescMessage, JsonObject } from '@bufbuild/protobuf';
import type { IstiodServer } from '@isthmus/servers';
import type { MeshHost, MeshService } from '@isthmus/model';
import { clusterResources } from './clusters.ts';
import { endpointResources } from './endpoints.ts';
import { CLUSTER_TYPE, EGRESS_ROUTE, ENDPOINT_TYPE, ROUTE_TYPE, outboundName } from './names.ts';
import { composeRoute } from './route.ts';
import { serviceEntryResources } from './service-entry-resource.ts';
import { discover } from './testing/istiod-client.ts';
import { McpSource } from './testing/mcp-source.ts';
import { meshService } from './testing/mesh-service.ts';
import { virtualHosts } from './virtual-hosts.ts';
import type { ServiceSketch } from './testing/mesh-service.ts';

// istiod is given our ServiceEntries over MCP; what it then gives a sidecar must be what we give an Envoy.
const CASES = [
  'weights',
  'zones',
  'out-of-service',
  'ipv6',
  'grpc',
  'http2',
  'tcp',
  'several-ports',
  'https',
  'labels',
  'same-address',
];

/** In four ServiceEntries: one may have 4,096 endpoints. */
const HUGE = meshService({
  host: 'huge.nacos',
  vip: '240.241.9.9',
  endpoints: Array.from({ length: 10_000 }, (_, n) => ({
    address: `10.9.${n >> 8}.${n & 255}`,
    port: 8_000 + (n % 10),
    weight: (n % 5) + 1,
    labels: { version: `v${n % 3}` },
  })),
});

let services: readonly MeshService[];
let source: McpSource;
let istiod: IstiodServer;

beforeAll(async () => {
  services = [...CASES.flatMap(sketches).map(meshService), HUGE];
  source = new McpSource(services.flatMap((service) => serviceEntryResources(service).resources));
  istiod = await startIstiod({ mcp: await source.listen() });
}, 600_000); // istiod may have to be built first

afterAll(async () => {
  await istiod?.stop();
  await source?.[Symbol.asyncDispose]();
});

describe('a real istiod', () => {
  test('has taken every ServiceEntry', async () => {
    const configs = JSON.parse((await http(istiod.ports.monitoring, '/debug/configz')).body) as {
      metadata: { name: string; namespace: string };
    }[];
    const names = configs.map(({ metadata }) => `${metadata.namespace}/${metadata.name}`);
    const ours = services.flatMap((service) => serviceEntryResources(service).resources.map((resource) => resource.name));
    expect(names.sort()).toEqual(ours.sort());
  });

  test('has all 10,000 endpoints of a service that needs four ServiceEntries', async () => {
    const ours = services.flatMap((service) => serviceEntryResources(service).resources.map((resource) => resource.name));
    expect(ours.filter((name) => name.startsWith('isthmus/huge.nacos'))).toHaveLength(4);
    const { resources } = await discover(address(), ENDPOINT_TYPE, [outboundName(HUGE.host, 80)]);
    const assignment = fromBinary(ClusterLoadAssignmentSchema, resources[0]?.value ?? new Uint8Array());
    expect(assignment.endpoints.flatMap((group) => group.lbEndpoints)).toHaveLength(10_000);
  });

  test('gives a sidecar the same clusters, but for how it counts and spreads', async () => {
    const { resources } = await discover(address(), CLUSTER_TYPE, []);
    const theirs = resources
      .map(({ value }) => fromBinary(ClusterSchema, value))
      .filter(({ name }) => name.startsWith('outbound|'));
    for (const cluster of theirs) {
      cluster.filters = []; // istio.metadata_exchange
      cluster.transportSocketMatches = []; // mTLS, for endpoints with an identity
      delete cluster.metadata;
      delete cluster.commonLbConfig; // 1.27 has no panic threshold where there is no outlier detection
      cluster.altStatName = '';
      // 1.31 has the gauges of what circuit breakers have left off, unless it is told otherwise.
      for (const threshold of cluster.circuitBreakers?.thresholds ?? []) threshold.trackRemaining = false;
    }
    const ours = services.flatMap(clusterResources).map(({ bytes }) => fromBinary(ClusterSchema, bytes));
    for (const cluster of ours) {
      delete cluster.commonLbConfig;
      cluster.lbConfig = { case: undefined }; // our shares hold when calls overlap
    }
    const json = (list: typeof ours) =>
      list.map((cluster) => toJson(ClusterSchema, cluster, { registry: typeRegistry }) as JsonObject).sort(byName);
    expect(json(ours)).toEqual(json(theirs));
  });

  test('gives a sidecar the same endpoints, localities and weights', async () => {
    const own = services.flatMap(endpointResources);
    const { resources } = await discover(
      address(),
      ENDPOINT_TYPE,
      own.map((resource) => resource.name),
    );
    const theirs = resources.map(({ value }) => fromBinary(ClusterLoadAssignmentSchema, value));
    for (const { endpoints } of theirs)
      for (const group of endpoints) for (const endpoint of group.lbEndpoints) delete endpoint.metadata;
    const json = (list: typeof theirs) =>
      list.map((message) => toJson(ClusterLoadAssignmentSchema, message) as JsonObject).sort(byName);
    const ours = own.map(({ bytes }) => fromBinary(ClusterLoadAssignmentSchema, bytes));
    // What comes from several ServiceEntries is in their order.
    for (const { clusterName, endpoints } of [...ours, ...theirs])
      if (clusterName.endsWith(HUGE.host))
        for (const group of endpoints) group.lbEndpoints.sort((a, b) => (addressOf(a) < addressOf(b) ? -1 : 1));
    // It cannot tell a slash inside a region from a separator, so it gets a dash.
    for (const { endpoints } of ours)
      for (const { locality } of endpoints) if (locality?.region === 'a/b') locality.region = 'a-b';
    expect(json(ours)).toEqual(json(theirs));
  });

  test('gives a sidecar the same default route for every host', async () => {
    const { resources } = await discover(address(), ROUTE_TYPE, [EGRESS_ROUTE]);
    const theirs = hosts(RouteConfigurationSchema, resources[0]?.value);
    const ours = hosts(RouteConfigurationSchema, composeRoute(EGRESS_ROUTE, services.flatMap(virtualHosts)).bytes);
    expect([...ours.keys()].filter((name) => name !== 'block_all').sort()).toEqual(
      [...theirs.keys()].filter((name) => name !== 'allow_any').sort(),
    );
    for (const [name, host] of ours) {
      if (name === 'block_all') continue;
      const other = theirs.get(name);
      // It knows one port of a host here; the default route is the last of ours.
      expect(host.routes.at(-1)).toEqual(other?.routes.at(-1));
      expect(other?.domains).toEqual(expect.arrayContaining([...host.domains]));
    }
  });
});

function sketches(name: string): readonly ServiceSketch[] {
  const text = readFileSync(new URL(`../testdata/in/${name}.yaml`, import.meta.url), 'utf8');
  return (parse(text) as readonly ServiceSketch[]).map((sketch, i) => ({
    ...sketch,
    host: `${name}-${i}.${sketch.host}` as MeshHost,
  }));
}

function address(): string {
  return `127.0.0.1:${istiod.ports.grpc}`;
}

function addressOf({ hostIdentifier }: { readonly hostIdentifier: { readonly value?: unknown } }): string {
  const { address } = hostIdentifier.value as { address: { address: { value: { address: string } } } };
  return address.address.value.address;
}

function byName(a: JsonObject, b: JsonObject): number {
  return `${a['name'] ?? a['clusterName']}` < `${b['name'] ?? b['clusterName']}` ? -1 : 1;
}

interface HostJson {
  readonly name: string;
  readonly domains: readonly string[];
  readonly routes: readonly JsonObject[];
}

function hosts(schema: DescMessage, bytes: Uint8Array | undefined): Map<string, HostJson> {
  const route = toJson(schema, fromBinary(schema, bytes ?? new Uint8Array()), { registry: typeRegistry }) as unknown as {
    virtualHosts?: HostJson[];
  };
  return new Map((route.virtualHosts ?? []).map((host) => [host.name, host]));
}
