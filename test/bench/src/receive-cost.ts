import { createServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { Worker } from 'node:worker_threads';

const WARM = 100;
const MESSAGES = 300;
/** As the bridge's servers have it (libs/xds/src/http2/grpc-server.ts). */
const WINDOW = 1024 * 1024;

/**
 * What it costs this thread to receive a message over HTTP/2 and to answer with a few bytes, by `node:http2` alone.
 * @returns µs of CPU a message
 */
export async function receiveCost(bytes: number): Promise<number> {
  const server = createServer({ settings: { enablePush: false, initialWindowSize: WINDOW } });
  server.on('session', (session) => session.setLocalWindowSize(WINDOW));
  const answer = Buffer.alloc(300);
  const measured = new Promise<number>((resolve) => {
    server.on('stream', (stream) => {
      let received = 0;
      let messages = 0;
      let before = process.threadCpuUsage();
      stream.on('error', () => undefined); // the client is terminated
      stream.respond({ ':status': 200 });
      stream.on('data', (chunk: Buffer) => {
        received += chunk.length;
        if (received < bytes) return;
        received = 0;
        messages += 1;
        if (messages === WARM) before = process.threadCpuUsage();
        if (messages === WARM + MESSAGES) {
          const { user, system } = process.threadCpuUsage(before);
          resolve((user + system) / MESSAGES);
        }
        stream.write(answer);
      });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const client = new Worker(new URL('./receive-cost-worker.ts', import.meta.url), { workerData: { port, bytes } });
  try {
    return await measured;
  } finally {
    await client.terminate();
    server.close();
  }
}
