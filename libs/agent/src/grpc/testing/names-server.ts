import { Server, ServerCredentials } from '@grpc/grpc-js';
import type { ServerUnaryCall } from '@grpc/grpc-js';

const asIs = (bytes: Buffer): Buffer => bytes;

/** The one method of the tests' servers: nothing in, the name of who answers out. */
export const WHO = '/isthmus.test.Names/Who';

/** A real gRPC server that says its name: an instance, or what a sidecar's egress is to a channel. */
export interface NamesServer {
  readonly port: number;
  /** `:authority` of each call. */
  readonly authorities: string[];
  /** `traceparent` of each call, or nothing. */
  readonly traces: string[];
  /** Ends it as `kill -9` does. */
  kill(): void;
}

export async function serveNames(name: string, port = 0): Promise<NamesServer> {
  const server = new Server();
  const authorities: string[] = [];
  const traces: string[] = [];
  const codec = { requestSerialize: asIs, requestDeserialize: asIs, responseSerialize: asIs, responseDeserialize: asIs };
  server.addService(
    { who: { path: WHO, requestStream: false, responseStream: false, ...codec } },
    {
      who: (call: ServerUnaryCall<Buffer, Buffer>, answer: (error: null, value: Buffer) => void) => {
        authorities.push(call.getHost());
        traces.push(call.metadata.get('traceparent').join());
        // A message with one text, the first field.
        answer(null, Buffer.from(`\n${String.fromCharCode(name.length)}${name}`));
      },
    },
  );
  const bound = await new Promise<number>((resolve, reject) => {
    server.bindAsync(`127.0.0.1:${port}`, ServerCredentials.createInsecure(), (error, at) =>
      error === null ? resolve(at) : reject(error),
    );
  });
  return { port: bound, authorities, traces, kill: () => server.forceShutdown() };
}
