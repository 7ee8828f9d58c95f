// An xDS client in a thread of its own: notes when bytes arrive before it looks at them, answers every response at once.
import { parentPort, workerData } from 'node:worker_threads';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { Client, Metadata, credentials } from '@grpc/grpc-js';
import {
  DeltaDiscoveryRequestSchema,
  DeltaDiscoveryResponseSchema,
  DiscoveryRequestSchema,
  DiscoveryResponseSchema,
} from '@isthmus/proto/discovery';
import { ClusterLoadAssignmentSchema } from '@isthmus/proto/envoy';
import { CDS, EDS, LDS, RDS } from '@isthmus/xds';
import { monotonic } from './monotonic.ts';
import type { ClientSetup, Arrival } from './xds-client.ts';

const { port, transport, endpoints, contents = false, routes = false } = workerData as ClientSetup;
const node = {
  id: 'sidecar~127.0.0.1~bench.default~default.svc.cluster.local',
  cluster: 'bench',
  ...(routes ? { metadata: { NAMESPACE: 'default', INTERCEPTION_MODE: 'REDIRECT' } } : {}),
};
const method = transport === 'delta' ? 'DeltaAggregatedResources' : 'StreamAggregatedResources';
const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure(), { 'grpc.max_receive_message_length': -1 });
const asIs = (bytes: Buffer): Buffer => bytes;
const path = `/envoy.service.discovery.v3.AggregatedDiscoveryService/${method}`;
const stream = client.makeBidiStreamRequest(path, asIs, asIs, new Metadata());

stream.on('error', (error: Error) => {
  throw error; // ends the thread, and with it the measurement
});
stream.on('data', (bytes: Buffer) => {
  const at = monotonic();
  const arrival = transport === 'delta' ? takeDelta(bytes, at) : takeSotw(bytes, at);
  parentPort?.postMessage(arrival satisfies Arrival);
});

if (transport === 'delta') {
  sendDelta({ node, typeUrl: CDS, resourceNamesSubscribe: ['*'] });
  if (endpoints !== undefined) sendDelta({ typeUrl: EDS, resourceNamesSubscribe: [...endpoints] });
  if (routes) {
    sendDelta({ typeUrl: LDS, resourceNamesSubscribe: ['*'] });
    sendDelta({ typeUrl: RDS, resourceNamesSubscribe: ['80'] });
  }
} else {
  sendSotw({ node, typeUrl: CDS, resourceNames: ['*'] });
  if (endpoints !== undefined) sendSotw({ typeUrl: EDS, resourceNames: [...endpoints] });
}
let asked: readonly string[] = endpoints ?? [];

function takeDelta(bytes: Buffer, at: number): Arrival {
  const { typeUrl, nonce, resources } = fromBinary(DeltaDiscoveryResponseSchema, bytes);
  const names = resources.map(({ name }) => name);
  sendDelta({ typeUrl, responseNonce: nonce });
  // As Envoy does: the endpoints of every new cluster are asked for.
  if (typeUrl === CDS && endpoints === undefined) sendDelta({ typeUrl: EDS, resourceNamesSubscribe: names });
  const arrival = { at, type: typeUrl, names, bytes: bytes.length };
  if (!contents || typeUrl !== EDS) return arrival;
  const assignments = resources.flatMap(({ resource }) => resource ?? []);
  return { ...arrival, contents: new Map(assignments.map(({ value }) => contentsOf(value))) };
}

function contentsOf(bytes: Uint8Array): [string, readonly string[]] {
  const { clusterName, endpoints: localities } = fromBinary(ClusterLoadAssignmentSchema, bytes);
  const lines = localities.flatMap(({ lbEndpoints }) =>
    lbEndpoints.map(({ hostIdentifier, loadBalancingWeight }) => {
      const address = hostIdentifier.case === 'endpoint' ? hostIdentifier.value.address?.address : undefined;
      if (address?.case !== 'socketAddress') return 'no socket address';
      const { address: ip, portSpecifier } = address.value;
      return `${ip}:${String(portSpecifier.value)} ${loadBalancingWeight ?? 0}`;
    }),
  );
  return [clusterName, lines.sort()];
}

function takeSotw(bytes: Buffer, at: number): Arrival {
  const { typeUrl, nonce, versionInfo, resources } = fromBinary(DiscoveryResponseSchema, bytes);
  const names = resources.flatMap(({ value }) => firstText(value));
  if (typeUrl === CDS && endpoints === undefined) asked = names;
  // State of the world: every answer repeats all that is subscribed to.
  sendSotw({ typeUrl, responseNonce: nonce, versionInfo, resourceNames: typeUrl === CDS ? ['*'] : [...asked] });
  if (typeUrl === CDS && endpoints === undefined) sendSotw({ typeUrl: EDS, resourceNames: [...asked] });
  return { at, type: typeUrl, names, bytes: bytes.length };
}

function sendDelta(request: Parameters<typeof create<typeof DeltaDiscoveryRequestSchema>>[1]): void {
  stream.write(Buffer.from(toBinary(DeltaDiscoveryRequestSchema, create(DeltaDiscoveryRequestSchema, request))));
}

function sendSotw(request: Parameters<typeof create<typeof DiscoveryRequestSchema>>[1]): void {
  stream.write(Buffer.from(toBinary(DiscoveryRequestSchema, create(DiscoveryRequestSchema, request))));
}

/** Clusters and ClusterLoadAssignments both begin with their name: field 1, or it is none of ours. */
function firstText(message: Uint8Array): string[] {
  if (message[0] !== 0x0a) return [];
  let length = 0;
  let at = 1;
  for (let shift = 0; ; shift += 7) {
    const byte = message[at++] ?? 0;
    length |= (byte & 0x7f) << shift;
    if (byte < 0x80) break;
  }
  return [Buffer.from(message.subarray(at, at + length)).toString()];
}
