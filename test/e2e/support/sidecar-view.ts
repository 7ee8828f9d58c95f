import { create, fromBinary, toBinary, toJson } from '@bufbuild/protobuf';
import { Client, credentials } from '@grpc/grpc-js';
import { DiscoveryRequestSchema, DiscoveryResponseSchema } from '@isthmus/proto/discovery';
import { ClusterLoadAssignmentSchema, ClusterSchema, RouteConfigurationSchema } from '@isthmus/proto/envoy';
import { typeRegistry } from '@isthmus/proto/type-registry';
import type { IstiodServer } from '@isthmus/servers';
import { CLUSTER_TYPE, ENDPOINT_TYPE, ROUTE_TYPE } from '@isthmus/translate';

const STREAM = '/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources';

/** What istiod answers a sidecar in the namespace `shop` that asks once. */
async function ask(istiod: IstiodServer, typeUrl: string, names: readonly string[]): Promise<readonly Uint8Array[]> {
  const client = new Client(`127.0.0.1:${istiod.ports.grpc}`, credentials.createInsecure());
  const asIs = (bytes: Buffer): Buffer => bytes;
  const stream = client.makeBidiStreamRequest(STREAM, asIs, asIs, { deadline: Date.now() + 10_000 });
  const answer = new Promise<Buffer>((resolve, reject) => {
    stream.on('data', resolve);
    stream.on('error', reject);
  });
  const request = create(DiscoveryRequestSchema, {
    node: { id: 'sidecar~10.66.0.1~web.shop~shop.svc.cluster.local', metadata: { NAMESPACE: 'shop', HTTP_PROXY_PORT: '15004' } },
    typeUrl,
    resourceNames: [...names],
  });
  stream.write(Buffer.from(toBinary(DiscoveryRequestSchema, request)));
  try {
    return fromBinary(DiscoveryResponseSchema, await answer).resources.map(({ value }) => value);
  } finally {
    stream.cancel();
    client.close();
  }
}

/** Names of clusters. */
export async function clustersOf(istiod: IstiodServer): Promise<readonly string[]> {
  return (await ask(istiod, CLUSTER_TYPE, [])).map((value) => fromBinary(ClusterSchema, value).name);
}

/** Addresses behind port 80 of a host, sorted. */
export async function endpointsOf(istiod: IstiodServer, host: string): Promise<readonly string[]> {
  const answer = await ask(istiod, ENDPOINT_TYPE, [`outbound|80||${host}`]);
  return answer
    .flatMap((value) => fromBinary(ClusterLoadAssignmentSchema, value).endpoints)
    .flatMap((group) => group.lbEndpoints)
    .map(({ hostIdentifier }) => {
      const { address } = hostIdentifier.value as { address: { address: { value: { address: string } } } };
      return address.address.value.address;
    })
    .sort();
}

/** The first route to a host, as JSON; undefined when there is none. */
export async function routeOf(istiod: IstiodServer, host: string): Promise<{ readonly timeout?: string } | undefined> {
  for (const value of await ask(istiod, ROUTE_TYPE, ['http_proxy'])) {
    const { virtualHosts = [] } = toJson(RouteConfigurationSchema, fromBinary(RouteConfigurationSchema, value), {
      registry: typeRegistry,
    }) as { virtualHosts?: { domains: string[]; routes?: { route?: { timeout?: string } }[] }[] };
    const found = virtualHosts.find(({ domains }) => domains.includes(host));
    if (found !== undefined) return found.routes?.[0]?.route;
  }
  return undefined;
}
