import { BinaryReader, BinaryWriter } from '@bufbuild/protobuf/wire';
import { Client, credentials } from '@grpc/grpc-js';
import type { ServiceError } from '@grpc/grpc-js';
import type { ProbeResult } from './probe-result.ts';

/** `grpc.health.v1.HealthCheckResponse.ServingStatus` */
const STATUS = ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN'] as const;

/** `grpc.health.v1.Health/Check`, whose two messages have one field each (grpc/grpc, doc/health-checking.md). */
export function grpcHealth(
  address: string,
  port: number,
  service: string,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<ProbeResult> {
  const host = address.includes(':') ? `[${address}]` : address;
  const client = new Client(`${host}:${port}`, credentials.createInsecure(), {
    'grpc.use_local_subchannel_pool': 1,
    'grpc.enable_http_proxy': 0,
    'grpc.max_receive_message_length': 1_024,
  });
  return new Promise<ProbeResult>((resolve) => {
    const done = (error: ServiceError | null, status?: number) => {
      signal.removeEventListener('abort', abort);
      if (error !== null) resolve({ healthy: false, reason: error.details.slice(0, 200) || error.message.slice(0, 200) });
      else if (status === 1) resolve({ healthy: true });
      else resolve({ healthy: false, reason: `grpc.health.v1 says ${STATUS[status ?? 0] ?? String(status)}` });
    };
    const call = client.makeUnaryRequest(
      '/grpc.health.v1.Health/Check',
      encode,
      decode,
      service,
      { deadline: Date.now() + timeoutMs },
      done,
    );
    const abort = () => call.cancel();
    signal.addEventListener('abort', abort, { once: true });
  }).finally(() => client.close());
}

function encode(service: string): Buffer {
  return Buffer.from(service === '' ? [] : new BinaryWriter().tag(1, 2).string(service).finish());
}

function decode(bytes: Buffer): number {
  const reader = new BinaryReader(bytes);
  let status = 0;
  while (reader.pos < reader.len) {
    const [field, wire] = reader.tag();
    if (field === 1 && wire === 0) status = reader.int32();
    else reader.skip(wire);
  }
  return status;
}
