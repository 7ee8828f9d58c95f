import { connect } from 'node:http2';
import type { ClientHttp2Session, ClientHttp2Stream } from 'node:http2';
import { create, toBinary } from '@bufbuild/protobuf';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { DeltaDiscoveryRequestSchema } from '@isthmus/proto/discovery';

/** A delta stream over bare HTTP/2: reads nothing unless told to, and sends what no gRPC library would. */
export class RawClient {
  readonly session: ClientHttp2Session;
  readonly stream: ClientHttp2Stream;
  /** The headers or trailers with the status. A status without a message before it comes as headers. */
  readonly ended: Promise<Record<string, unknown>>;

  constructor(port: number, headers: Record<string, string> = {}) {
    this.session = connect(`http://127.0.0.1:${port}`);
    this.session.on('error', () => undefined); // the test looks at `ended`
    this.stream = this.session.request({
      ':method': 'POST',
      ':path': '/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources',
      'content-type': 'application/grpc',
      te: 'trailers',
      ...headers,
    });
    this.stream.on('error', () => undefined);
    this.ended = new Promise((resolve) => {
      for (const event of ['response', 'trailers'])
        this.stream.on(event, (found: Record<string, unknown>) => 'grpc-status' in found && resolve(found));
    });
  }

  send(request: MessageInitShape<typeof DeltaDiscoveryRequestSchema>): void {
    this.sendFrame(Buffer.from(toBinary(DeltaDiscoveryRequestSchema, create(DeltaDiscoveryRequestSchema, request))), false);
  }

  sendFrame(body: Buffer, compressed: boolean): void {
    const head = Buffer.from([compressed ? 1 : 0, 0, 0, 0, 0]);
    head.writeUInt32BE(body.length, 1);
    this.stream.write(Buffer.concat([head, body]));
  }

  close(): void {
    this.session.destroy();
  }
}
