import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { Client, credentials } from '@grpc/grpc-js';
import { DiscoveryRequestSchema, DiscoveryResponseSchema } from '@isthmus/proto/discovery';
import type { DiscoveryResponse } from '@isthmus/proto/discovery';
import type { TypeUrl } from '@isthmus/model';

const STREAM = '/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources';

/** What an xDS server answers a sidecar that asks once for one type; by name, or for all. */
export function discover(
  server: string,
  typeUrl: TypeUrl,
  names: readonly string[],
  deadlineMs = 20_000,
): Promise<DiscoveryResponse> {
  const client = new Client(server, credentials.createInsecure());
  const stream = client.makeBidiStreamRequest(
    STREAM,
    (bytes: Buffer) => bytes,
    (bytes: Buffer) => bytes,
    { deadline: Date.now() + deadlineMs },
  );
  const answer = new Promise<DiscoveryResponse>((resolve, reject) => {
    stream.on('data', (bytes: Buffer) => resolve(fromBinary(DiscoveryResponseSchema, bytes)));
    stream.on('error', reject);
  });
  const request = create(DiscoveryRequestSchema, {
    node: {
      id: 'sidecar~127.0.0.1~web.isthmus~isthmus.svc.cluster.local',
      metadata: { NAMESPACE: 'isthmus', HTTP_PROXY_PORT: '15004' },
    },
    typeUrl,
    resourceNames: [...names],
  });
  stream.write(Buffer.from(toBinary(DiscoveryRequestSchema, request)));
  return answer.finally(() => {
    stream.cancel();
    client.close();
  });
}
