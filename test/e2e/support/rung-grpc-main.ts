/**
 * An application with the agent before it, which calls by gRPC: a channel that follows the plan and has the agent's interceptor, without
 * policies of its own. Arguments: the package of its `@grpc/grpc-js`, `isthmus:HOST:PORT`. Told what to call, it answers with how each
 * call ended, 0 for OK; told `where`, with where its agent says that its targets are.
 */
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type * as Grpc from '@grpc/grpc-js';
import { WHO } from './grpc-names.ts';
import type { CallEnd, CallsAsked } from './rung-caller.ts';

const [library = '', target = ''] = process.argv.slice(2);
const require = createRequire(import.meta.url);
const grpc = require(library) as typeof Grpc;
const built = join(import.meta.dirname, '../../../dist/packages/agent/agent/src/grpc/index.js');
const { registerGrpc, grpcInterceptor } = require(built) as {
  registerGrpc: (grpc: object) => void;
  grpcInterceptor: (grpc: object, target: string) => Grpc.Interceptor;
};

registerGrpc(grpc);
const client = new grpc.Client(target, grpc.credentials.createInsecure(), { interceptors: [grpcInterceptor(grpc, target)] });
const asIs = (bytes: Buffer): Buffer => bytes;

function one(call: string, headers: CallsAsked['headers']): Promise<CallEnd> {
  const metadata = new grpc.Metadata();
  for (const [name, value] of Object.entries({ ...headers, 'x-call': call })) metadata.set(name, value);
  return new Promise((resolve) => {
    client.makeUnaryRequest(WHO, asIs, asIs, Buffer.alloc(0), metadata, { deadline: Date.now() + 20_000 }, (error) =>
      resolve({ call, status: error?.code ?? 0 }),
    );
  });
}

interface AgentOfProcess {
  view(): readonly object[];
}

process.on('message', (message: CallsAsked | 'where') => {
  const running = (globalThis as Record<symbol, unknown>)[Symbol.for('isthmus.agent')] as AgentOfProcess | undefined;
  if (message === 'where') process.send?.(running?.view() ?? []);
  else void Promise.all(message.calls.map((call) => one(call, message.headers))).then((ends) => process.send?.(ends));
});
process.on('disconnect', () => process.exit(0));
