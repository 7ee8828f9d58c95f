/**
 * A service in Node that calls by proxyless gRPC: `@grpc/grpc-js` with `@grpc/grpc-js-xds`, which reads its bootstrap once for
 * a process. Takes a `GrpcOrder` a line and answers `> GrpcAnswers`, as `xds-clients grpc` does for grpc-go.
 */
import { createInterface } from 'node:readline';
import { Client, Metadata, credentials, status } from '@grpc/grpc-js';
import { register } from '@grpc/grpc-js-xds';
import { WHO, decodeName } from './grpc-names.ts';
import type { GrpcAnswers, GrpcOrder } from './grpc-names.ts';

register();

const TIMEOUT_MS = 5_000;
const clients = new Map<string, Client>();
const asIs = (bytes: Buffer): Buffer => bytes;

function once(client: Client, headers: Readonly<Record<string, string>>): Promise<{ key: string; said?: string }> {
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(headers)) metadata.set(name, value);
  const options = { deadline: Date.now() + TIMEOUT_MS };
  return new Promise((resolve) => {
    client.makeUnaryRequest(WHO, asIs, asIs, Buffer.alloc(0), metadata, options, (error, answer) => {
      if (error !== null || answer === undefined)
        resolve({ key: status[error?.code ?? status.UNKNOWN] ?? '', said: error?.message ?? '' });
      else resolve({ key: decodeName(answer) });
    });
  });
}

async function obey({ target, calls, headers = {} }: GrpcOrder): Promise<GrpcAnswers> {
  let client = clients.get(target);
  if (client === undefined) clients.set(target, (client = new Client(target, credentials.createInsecure())));
  const counts: Record<string, number> = {};
  let said: string | undefined;
  for (let n = 0; n < calls; n += 1) {
    const outcome = await once(client, headers);
    counts[outcome.key] = (counts[outcome.key] ?? 0) + 1;
    said = outcome.said ?? said;
  }
  return { counts, ...(said === undefined ? {} : { said }) };
}

for await (const line of createInterface({ input: process.stdin })) {
  console.log(`> ${JSON.stringify(await obey(JSON.parse(line) as GrpcOrder))}`);
}
process.exit();
