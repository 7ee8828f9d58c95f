import type { ClientAccess } from '../client-access.ts';
import type { HeaderReader } from '../sticky.ts';
import { traceHeadersFor } from '../trace-context.ts';

interface GrpcMetadata {
  get(name: string): readonly (string | Buffer)[];
  set(name: string, value: string): void;
}

interface GrpcCall {
  getPeer(): string;
}

interface GrpcStatus {
  readonly code: number;
}

/** As `interceptors` of a client takes it. */
export type GrpcInterceptor = (options: object, nextCall: (options: object) => GrpcCall) => GrpcCall;

export interface GrpcInterceptors {
  readonly InterceptingCall: new (call: never, requester: object) => unknown;
}

const readMetadata: HeaderReader = (carrier, name) => {
  const [value] = (carrier as GrpcMetadata).get(name);
  return typeof value === 'string' ? value : undefined;
};

/** UNKNOWN, DEADLINE_EXCEEDED, INTERNAL, UNAVAILABLE, DATA_LOSS: what would be a 5xx; the others are the service's answers. */
const FAILURES: ReadonlySet<number> = new Set([2, 4, 13, 14, 15]);

/** Counts a channel's calls by the way that each took, and gives them the trace of the call that they are made for. */
export function callInterceptor(
  grpc: GrpcInterceptors,
  authority: string,
  access: () => ClientAccess | undefined,
  now: () => number,
): GrpcInterceptor {
  return (options, nextCall) => {
    const call = nextCall(options);
    const start = (
      metadata: GrpcMetadata,
      _listener: unknown,
      next: (metadata: GrpcMetadata, listener: unknown) => void,
    ): void => {
      for (const [name, value] of traceHeadersFor(readMetadata, metadata)) metadata.set(name, value);
      const began = now();
      const onReceiveStatus = (status: GrpcStatus, done: (status: GrpcStatus) => void): void => {
        count(access(), authority, call.getPeer(), now() - began, FAILURES.has(status.code));
        done(status);
      };
      next(metadata, { onReceiveStatus });
    };
    return new grpc.InterceptingCall(call as never, { start }) as GrpcCall;
  };
}

function count(access: ClientAccess | undefined, authority: string, peer: string, ms: number, failed: boolean): void {
  const counts = access?.target(authority)?.counts;
  if (access === undefined || counts === undefined) return;
  const { host, port } = access.seam.egress;
  const arm = peer === `${host}:${port}` || peer === `[${host}]:${port}` ? counts.mesh : counts.sdk;
  arm.attempted();
  arm.ended(ms, failed);
}
