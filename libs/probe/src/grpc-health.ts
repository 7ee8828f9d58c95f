import { connect } from 'node:http2';
import { BinaryReader, BinaryWriter } from '@bufbuild/protobuf/wire';
import type { ProbeResult } from './probe-result.ts';
import { tlsOptions } from './probe-tls.ts';
import type { ProbeTls } from './probe-tls.ts';

/** `grpc.health.v1.HealthCheckResponse.ServingStatus` */
const SERVING_STATUS = ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN'] as const;
/** A gRPC message begins with a byte for its compression and four for its length. */
const PREFIX = 5;
/** More than any answer of a health service has. */
const MOST_BYTES = 1_024;

/**
 * `grpc.health.v1.Health/Check` (grpc/grpc, doc/health-checking.md), one call over a connection of its own. Bare HTTP/2: a channel of
 * grpc-js 1.14 never lets go of its connection to a server that accepts and says nothing, and each check would leave one.
 * @throws what the connection fails with, or the signal's abort
 */
export function grpcHealth(
  address: string,
  port: number,
  { service, tls }: { readonly service: string; readonly tls?: ProbeTls | undefined },
  signal: AbortSignal,
): Promise<ProbeResult> {
  const place = `${address.includes(':') ? `[${address}]` : address}:${port}`;
  const session =
    tls === undefined
      ? connect(`http://${place}`)
      : connect(`https://${place}`, { ...tlsOptions(address, tls), ALPNProtocols: ['h2'] });
  const abort = (): void => session.destroy(new Error('aborted'));
  return new Promise<ProbeResult>((resolve, reject) => {
    session.once('error', reject);
    signal.addEventListener('abort', abort, { once: true });
    const stream = session.request({
      ':method': 'POST',
      ':path': '/grpc.health.v1.Health/Check',
      'content-type': 'application/grpc',
      te: 'trailers',
      'user-agent': 'isthmus-check',
    });
    const chunks: Buffer[] = [];
    let httpStatus = 0;
    let grpcStatus: string | undefined;
    let bytes = 0;
    stream.once('error', (error) => reject(error.cause ?? error)); // the session's failure cancels it, and is its cause
    stream.once('response', (headers) => {
      httpStatus = headers[':status'] ?? 0;
      grpcStatus = headers['grpc-status']?.toString(); // an answer that has nothing but trailers
    });
    stream.once('trailers', (trailers) => (grpcStatus ??= trailers['grpc-status']?.toString()));
    stream.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= MOST_BYTES) chunks.push(chunk);
      else session.destroy(new Error('an answer that is no HealthCheckResponse'));
    });
    stream.once('close', () => {
      if (grpcStatus === '0') resolve(verdictOf(Buffer.concat(chunks).subarray(PREFIX)));
      else resolve({ healthy: false, reason: reasonOf(httpStatus, grpcStatus, service) });
    });
    stream.end(framed(encode(service)));
  }).finally(() => {
    signal.removeEventListener('abort', abort);
    session.destroy();
  });
}

function reasonOf(httpStatus: number, grpcStatus: string | undefined, service: string): string {
  if (httpStatus === 0) return 'connection closed';
  if (grpcStatus === undefined) return `HTTP ${httpStatus}, which is no answer of gRPC`;
  if (grpcStatus === '12') return 'it does not have grpc.health.v1';
  if (grpcStatus === '5') return `grpc.health.v1 does not know ${service === '' ? 'the server as a whole' : service}`;
  return `grpc.health.v1 fails with code ${grpcStatus}`;
}

function verdictOf(message: Uint8Array): ProbeResult {
  const status = decode(message);
  if (status === 1) return { healthy: true };
  return { healthy: false, reason: `grpc.health.v1 says ${SERVING_STATUS[status] ?? String(status)}` };
}

function framed(message: Uint8Array): Buffer {
  const prefix = Buffer.alloc(PREFIX);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

function encode(service: string): Uint8Array {
  return service === '' ? new Uint8Array() : new BinaryWriter().tag(1, 2).string(service).finish();
}

function decode(bytes: Uint8Array): number {
  const reader = new BinaryReader(bytes);
  let status = 0;
  while (reader.pos < reader.len) {
    const [field, wire] = reader.tag();
    if (field === 1 && wire === 0) status = reader.int32();
    else reader.skip(wire);
  }
  return status;
}
