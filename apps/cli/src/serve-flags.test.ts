import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from '@jest/globals';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import type { handleBidiStreamingCall, handleUnaryCall, ServiceDefinition } from '@grpc/grpc-js';
import { SERVE_FLAGS } from './serve-flags.ts';

const PUSH = Buffer.alloc(4_000, 'x');
const same = (bytes: Buffer) => bytes;
const serialize = { requestSerialize: same, requestDeserialize: same, responseSerialize: same, responseDeserialize: same };
const service: ServiceDefinition = {
  call: { path: '/test/call', requestStream: false, responseStream: false, ...serialize },
  pushes: { path: '/test/pushes', requestStream: true, responseStream: true, ...serialize },
};

const call: handleUnaryCall<Buffer, Buffer> = (_, answer) => answer(null, PUSH);

const pushes: handleBidiStreamingCall<Buffer, Buffer> = (stream) => {
  let open = true;
  const push = () => {
    while (open && stream.write(PUSH));
    if (open) stream.once('drain', push);
  };
  stream.on('close', () => (open = false));
  stream.on('cancelled', () => (open = false));
  stream.on('error', () => (open = false));
  push();
};

test('pushes that were handled leave no buffers behind for the next full collection', async () => {
  const server = new Server();
  server.addService(service, { call, pushes });
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, at) => (error ? reject(error) : resolve(at))),
  );
  try {
    const client = join(import.meta.dirname, 'testing/pushes-worker.ts');
    const { stdout } = await promisify(execFile)(process.execPath, [...SERVE_FLAGS, client, `127.0.0.1:${port}`]);
    const { pushes: taken, mostMb } = JSON.parse(stdout) as { pushes: number; mostMb: number };
    expect(taken).toBe(10_000); // 40 MB, and as much again where grpc-js joins frames
    expect(mostMb).toBeLessThan(26);
  } finally {
    server.forceShutdown();
  }
});
