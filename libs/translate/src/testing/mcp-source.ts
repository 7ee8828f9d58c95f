import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { DiscoveryRequestSchema, DiscoveryResponseSchema } from '@isthmus/proto/discovery';
import { ResourceSchema } from '@isthmus/proto/istio';
import type { ServerDuplexStream } from '@grpc/grpc-js';
import type { Resource } from '@isthmus/model';
import { SERVICE_ENTRY_TYPE } from '../mcp-types.ts';

const STREAM = '/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources';

/** The least that istiod takes for a config source: it answers every type once, ServiceEntry with `serviceEntries`. */
export class McpSource implements AsyncDisposable {
  readonly #server = new Server();
  readonly #serviceEntries: readonly Resource[];

  constructor(serviceEntries: readonly Resource[]) {
    this.#serviceEntries = serviceEntries;
    const bytes = (value: Buffer) => value;
    const codec = { requestSerialize: bytes, requestDeserialize: bytes, responseSerialize: bytes, responseDeserialize: bytes };
    const service = { Stream: { path: STREAM, requestStream: true, responseStream: true, ...codec } };
    this.#server.addService(service, { Stream: (stream: ServerDuplexStream<Buffer, Buffer>) => this.#serve(stream) });
  }

  /** Its `host:port`. */
  async listen(): Promise<string> {
    const port = await new Promise<number>((resolve, reject) => {
      this.#server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
        error ? reject(error) : resolve(bound),
      );
    });
    return `127.0.0.1:${port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.forceShutdown();
  }

  #serve(stream: ServerDuplexStream<Buffer, Buffer>): void {
    const answered = new Set<string>();
    stream.on('error', () => stream.end());
    stream.on('data', (bytes: Buffer) => {
      const { typeUrl } = fromBinary(DiscoveryRequestSchema, bytes);
      if (answered.has(typeUrl)) return;
      answered.add(typeUrl);
      const resources = typeUrl === SERVICE_ENTRY_TYPE ? this.#serviceEntries : [];
      const response = create(DiscoveryResponseSchema, {
        typeUrl,
        versionInfo: '1',
        nonce: `${answered.size}`,
        resources: resources.map(({ bytes: value }) => ({ typeUrl: `type.googleapis.com/${ResourceSchema.typeName}`, value })),
      });
      stream.write(Buffer.from(toBinary(DiscoveryResponseSchema, response)));
    });
  }
}
