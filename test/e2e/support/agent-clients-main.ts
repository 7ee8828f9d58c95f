/**
 * A service with the built agent before it (`--require`) that calls by gRPC (a channel to `isthmus:`), by `https` and by `fetch`. A message
 * `{ way, calls }` is answered with how many had which answer.
 */
import { readFileSync } from 'node:fs';
import https from 'node:https';
import { createRequire } from 'node:module';
import * as grpc from '@grpc/grpc-js';
import { WHO, decodeName } from './grpc-names.ts';

export interface ClientsOrder {
  readonly way: 'grpc' | 'https' | 'fetch';
  readonly calls: number;
}

export type ClientsAnswer = Readonly<Record<string, number>>;

const [packageFolder = '', target = '', securePort = '', ca = ''] = process.argv.slice(2);
const require = createRequire(import.meta.url);
const { registerGrpc } = require(`${packageFolder}/agent/src/grpc/index.js`) as { registerGrpc(grpc: object): void };
registerGrpc(grpc);

const asIs = (bytes: Buffer): Buffer => bytes;
const client = new grpc.Client(target, grpc.credentials.createInsecure());
const agent = new https.Agent({ keepAlive: true, ca: readFileSync(ca, 'utf8'), servername: 'orders' });

const ways: Readonly<Record<ClientsOrder['way'], () => Promise<string>>> = {
  grpc: () =>
    new Promise((resolve, reject) => {
      client.makeUnaryRequest(WHO, asIs, asIs, Buffer.alloc(0), { deadline: Date.now() + 10_000 }, (error, answer) =>
        error === null && answer !== undefined ? resolve(decodeName(answer)) : reject(error ?? new Error('nothing')),
      );
    }),
  https: () =>
    new Promise((resolve, reject) => {
      const request = https.get({ host: '127.0.0.1', port: Number(securePort), agent, timeout: 10_000 }, (response) => {
        let body = '';
        response.on('data', (chunk: Buffer) => (body += chunk.toString()));
        response.once('end', () => resolve(body));
      });
      request.once('error', reject);
    }),
  fetch: async () => (await fetch(`https://127.0.0.1:${securePort}/`)).text(),
};

async function obey({ way, calls }: ClientsOrder): Promise<ClientsAnswer> {
  const counts: Record<string, number> = {};
  let left = calls;
  const caller = async (): Promise<void> => {
    while ((left -= 1) >= 0) {
      const answer = await ways[way]().catch((error: Error) => `failed: ${error.message}`);
      counts[answer] = (counts[answer] ?? 0) + 1;
    }
  };
  await Promise.all(Array.from({ length: 8 }, caller));
  return counts;
}

process.on('message', (order: ClientsOrder) => void obey(order).then((answer) => process.send?.(answer)));
process.on('disconnect', () => process.exit(0));
