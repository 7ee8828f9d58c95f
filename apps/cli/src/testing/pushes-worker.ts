// A process with serve's flags: calls a server many times, then takes its pushes, and tells what memory they left behind.
import { Client, credentials, Metadata } from '@grpc/grpc-js';

const CALLS = 2_000;
const AT_ONCE = 32;
const PUSHES = 10_000;

const client = new Client(process.argv[2] ?? '', credentials.createInsecure());
const same = (bytes: Buffer) => bytes;

/** As a registry is read for the first time: V8 learns what of grpc-js's lives on. */
async function call(times: number): Promise<void> {
  for (let n = 0; n < times; n += 1) {
    await new Promise<void>((resolve, reject) =>
      client.makeUnaryRequest('/test/call', same, same, Buffer.of(1), (error) => (error === null ? resolve() : reject(error))),
    );
  }
}
await Promise.all(Array.from({ length: AT_ONCE }, () => call(CALLS / AT_ONCE)));

let pushes = 0;
let mostBytes = 0;
const stream = client.makeBidiStreamRequest('/test/pushes', same, same, new Metadata());
await new Promise<void>((resolve) => {
  stream.on('error', () => resolve());
  stream.on('data', () => {
    pushes += 1;
    if (pushes % 100 === 0) mostBytes = Math.max(mostBytes, process.memoryUsage().arrayBuffers);
    if (pushes === PUSHES) resolve();
  });
});
stream.cancel();
client.close();
process.stdout.write(JSON.stringify({ pushes, mostMb: Math.round(mostBytes / 2 ** 20) }));
