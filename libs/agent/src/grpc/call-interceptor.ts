import { MARK_HEADER, dialsSidecar, keptBy, markOf } from '@isthmus/ladder';
import type { ClientAccess } from '../client-access.ts';
import type { HeaderReader } from '../sticky.ts';
import { traceHeadersFor } from '../trace-context.ts';

interface GrpcMetadata {
  get(name: string): readonly (string | Buffer)[];
  set(name: string, value: string): void;
  remove(name: string): void;
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

/** Counts a channel's calls by the way that each took, tells the sidecar what the process keeps for each, and gives them the trace of the call that they are made for. */
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
      // One that the application copied from a call of its own says nothing of this one.
      metadata.remove(MARK_HEADER);
      for (const [name, value] of marksOf(access(), authority, metadata)) metadata.set(name, value);
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

/**
 * What the process keeps for this call (docs/adr/0023-who-owns-a-call.md). A channel moves as a whole: at `traffic` it is the channel
 * that is in the share or not, and its calls have the mark of that rung; from `resilience` on each call is in the share by itself. At
 * the instances, while the channel is back there for a moment, nobody reads it.
 */
function marksOf(
  access: ClientAccess | undefined,
  authority: string,
  metadata: GrpcMetadata,
): readonly (readonly [string, string])[] {
  const effective = access?.target(authority)?.effective;
  if (access === undefined || effective === undefined || !dialsSidecar(effective)) return [];
  if (effective === 'traffic') return AT_TRAFFIC;
  const colon = authority.lastIndexOf(':');
  const decision = access.seam.decide(authority.slice(0, colon), Number(authority.slice(colon + 1)), readMetadata, metadata);
  return decision.kind === 'sidecar' ? (decision.marks ?? []) : [];
}

const AT_TRAFFIC = [[MARK_HEADER, markOf(keptBy('traffic', []))]] as const;

function count(access: ClientAccess | undefined, authority: string, peer: string, ms: number, failed: boolean): void {
  const target = access?.target(authority);
  if (access === undefined || target === undefined) return;
  const { counts, effective, percent } = target;
  const { host, port } = access.seam.egress;
  // At `discovery` the peer is an instance either way: only where all channels are in the share is it known whose pick it was.
  const isMesh = peer === `${host}:${port}` || peer === `[${host}]:${port}` || (effective === 'discovery' && percent === 100);
  const arm = isMesh ? counts.mesh : counts.sdk;
  arm.ended(ms, failed);
}
