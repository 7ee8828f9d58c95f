import { Server, ServerCredentials } from '@grpc/grpc-js';
import type { ServerUnaryCall } from '@grpc/grpc-js';

const asIs = (bytes: Buffer): Buffer => bytes;

/** The one method of the tests' servers: nothing in, the name of who answers out. */
export const WHO = '/isthmus.test.Names/Who';

/** A real gRPC server that says its name: an instance, or what a sidecar's egress is to a channel. */
export interface NamesServer {
  readonly port: number;
  /** `10.0.0.7:50051`, as a plan has it. */
  readonly address: string;
  /** `:authority` of each call. */
  readonly authorities: string[];
  /** `traceparent` of each call, or nothing. */
  readonly traces: string[];
  /** Connections that are open now. */
  readonly sessions: () => number;
  /** Ends it as `kill -9` does. */
  kill(): void;
}

export interface NamesOptions {
  /** 127.0.0.1 by default. */
  readonly host?: string;
  /** Insecure by default. */
  readonly credentials?: ServerCredentials;
  /** Answers when this does; at once by default. */
  readonly hold?: () => Promise<void>;
}

export async function serveNames(name: string, port = 0, options: NamesOptions = {}): Promise<NamesServer> {
  const server = new Server();
  const { host = '127.0.0.1', credentials = ServerCredentials.createInsecure(), hold } = options;
  const bracketed = host.includes(':') ? `[${host}]` : host;
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
        const named = Buffer.from(`\n${String.fromCharCode(name.length)}${name}`);
        if (hold === undefined) answer(null, named);
        else void hold().then(() => answer(null, named));
      },
    },
  );
  const bound = await new Promise<number>((resolve, reject) => {
    server.bindAsync(`${bracketed}:${port}`, credentials, (error, at) => (error === null ? resolve(at) : reject(error)));
  });
  // Of grpc-js's own bookkeeping: what a server says over the wire (channelz) is the same.
  const sessions = (): number => (server as unknown as { readonly sessions: ReadonlyMap<unknown, unknown> }).sessions.size;
  return { port: bound, address: `${bracketed}:${bound}`, authorities, traces, sessions, kill: () => server.forceShutdown() };
}
