import { Server, ServerCredentials } from '@grpc/grpc-js';
import type { ServerUnaryCall } from '@grpc/grpc-js';
import { WHO, encodeName, unaryOfBytes } from './grpc-names.ts';

/** An instance of a gRPC service that answers its own name and counts; it knows nothing of xDS. */
export class GrpcBackend {
  readonly name: string;
  readonly port: number;
  calls = 0;
  /** Of these, by an Envoy, which gives each an id. */
  proxied = 0;
  readonly #server: Server;

  private constructor(name: string, server: Server, port: number) {
    this.name = name;
    this.#server = server;
    this.port = port;
  }

  static async start(name: string): Promise<GrpcBackend> {
    const server = new Server();
    const count = (call: ServerUnaryCall<Buffer, Buffer>): void => {
      backend.calls += 1;
      if (call.metadata.get('x-request-id').length > 0) backend.proxied += 1;
    };
    server.addService(
      { who: unaryOfBytes(WHO) },
      {
        who: (call: ServerUnaryCall<Buffer, Buffer>, answer: (error: null, value: Buffer) => void) => {
          count(call);
          answer(null, encodeName(name));
        },
      },
    );
    const port = await new Promise<number>((resolve, reject) => {
      server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      );
    });
    const backend = new GrpcBackend(name, server, port);
    return backend;
  }

  stop(): void {
    this.#server.forceShutdown();
  }
}
