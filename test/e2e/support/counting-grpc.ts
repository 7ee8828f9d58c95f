import { Server, ServerCredentials, status } from '@grpc/grpc-js';
import type { Metadata, ServerUnaryCall } from '@grpc/grpc-js';
import { WHO, encodeName, unaryOfBytes } from './grpc-names.ts';

/** One request at the instance; a header that it had twice is there once. */
export type GrpcAttempt = Readonly<Record<string, string | Buffer>>;

/** A gRPC instance that counts what really arrives, by the `x-call` of the logical call: `x-fail: N` fails its first N, `x-slow: MS` is answered late. */
export class CountingGrpc {
  readonly attempts = new Map<string, GrpcAttempt[]>();
  readonly #server = new Server();
  #port = 0;

  static async start(): Promise<CountingGrpc> {
    const counting = new CountingGrpc();
    counting.#server.addService(
      { who: unaryOfBytes(WHO) },
      {
        who: (call: ServerUnaryCall<Buffer, Buffer>, answer: (error: object | null, value?: Buffer) => void) =>
          counting.#answer(call.metadata, answer),
      },
    );
    counting.#port = await new Promise<number>((resolve, reject) => {
      counting.#server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      );
    });
    return counting;
  }

  get port(): number {
    return this.#port;
  }

  stop(): void {
    this.#server.forceShutdown();
  }

  #answer(metadata: Metadata, answer: (error: object | null, value?: Buffer) => void): void {
    const headers = metadata.getMap();
    const call = String(headers['x-call']);
    const attempts = this.attempts.get(call) ?? [];
    attempts.push(headers);
    this.attempts.set(call, attempts);
    const fails = attempts.length <= Number(headers['x-fail'] ?? 0);
    const end = (): void =>
      fails ? answer({ code: status.UNAVAILABLE, details: 'as asked' }) : answer(null, encodeName('counting'));
    const slow = Number(headers['x-slow'] ?? 0);
    if (slow === 0) end();
    else setTimeout(end, slow).unref();
  }
}
