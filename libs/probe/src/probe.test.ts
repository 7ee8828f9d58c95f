import { getEventListeners } from 'node:events';
import { createServer } from 'node:http';
import { createServer as createTcpServer } from 'node:net';
import type { AddressInfo, Server } from 'node:net';
import { afterEach, describe, expect, test } from '@jest/globals';
import { Server as GrpcServer, ServerCredentials } from '@grpc/grpc-js';
import { until } from '@isthmus/model/testing';
import { probe } from './probe.ts';
import type { ProbeOptions } from './probe.ts';

const options = (more: Partial<ProbeOptions>): ProbeOptions => ({
  type: 'tcp',
  path: '/',
  service: '',
  timeoutMs: 2_000,
  ...more,
});
const never = new AbortController().signal;
const closers: (() => void)[] = [];
afterEach(() => closers.splice(0).forEach((close) => close()));

async function listening(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closers.push(() => server.close());
  return (server.address() as AddressInfo).port;
}

async function freePort(): Promise<number> {
  const server = createTcpServer();
  const port = await listening(server);
  await new Promise((resolve) => server.close(resolve));
  return port;
}

describe('a check', () => {
  test.each(['tcp', 'http', 'grpc'] as const)('by %s leaves nothing with the signal of its target', async (type) => {
    const { signal } = new AbortController();
    // Of Node's own, and of another realm than this test: `AbortSignal.any` notes its signal there for good (20.20).
    const notes = (): readonly unknown[] =>
      Object.getOwnPropertySymbols(signal)
        .map((symbol): unknown => Reflect.get(signal, symbol))
        .filter((value) => typeof value === 'object' && value !== null && 'size' in value && value.size !== 0);
    const port = await listening(createTcpServer((socket) => socket.destroy()));
    await probe('127.0.0.1', port, options({ type }), signal);
    expect([getEventListeners(signal, 'abort').length, notes().length]).toEqual([0, 0]);
  });

  test('over TCP wants a connection', async () => {
    const port = await listening(createTcpServer((socket) => socket.destroy()));
    expect(await probe('127.0.0.1', port, options({}), never)).toEqual({ healthy: true });
    expect(await probe('127.0.0.1', await freePort(), options({}), never)).toEqual({
      healthy: false,
      reason: 'connection refused',
    });
  });

  test('over HTTP wants 2xx or 3xx, and an answer in time', async () => {
    const asked: string[] = [];
    const server = createServer((request, response) => {
      asked.push(request.url ?? '');
      if (request.url === '/hangs') return;
      response.writeHead(request.url === '/ready' ? 204 : request.url === '/login' ? 302 : 503).end();
    });
    const port = await listening(server);
    closers.push(() => server.closeAllConnections());
    const ask = (path: string, timeoutMs = 2_000) => probe('127.0.0.1', port, options({ type: 'http', path, timeoutMs }), never);
    expect(await ask('/ready')).toEqual({ healthy: true });
    expect(await ask('/login')).toEqual({ healthy: true });
    expect(await ask('/busy')).toEqual({ healthy: false, reason: 'HTTP 503' });
    expect(await ask('/hangs', 50)).toEqual({ healthy: false, reason: 'no answer within 50 ms' });
    expect(asked).toEqual(['/ready', '/login', '/busy', '/hangs']);
  });

  test('over gRPC wants SERVING of the service that it asks for', async () => {
    const server = new GrpcServer();
    const identity = (bytes: Buffer) => bytes;
    server.addService(
      {
        check: {
          path: '/grpc.health.v1.Health/Check',
          requestStream: false,
          responseStream: false,
          requestSerialize: identity,
          requestDeserialize: identity,
          responseSerialize: identity,
          responseDeserialize: identity,
        },
      },
      {
        check: (call: { request: Buffer }, answer: (error: null, bytes: Buffer) => void) =>
          answer(null, Buffer.from([8, call.request.includes('orders') ? 1 : 2])),
      },
    );
    const port = await new Promise<number>((resolve, reject) =>
      server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      ),
    );
    closers.push(() => server.forceShutdown());
    const ask = (service: string) => probe('127.0.0.1', port, options({ type: 'grpc', service }), never);
    expect(await ask('orders')).toEqual({ healthy: true });
    expect(await ask('')).toEqual({ healthy: false, reason: 'grpc.health.v1 says NOT_SERVING' });
    const says = async (at: number, service = '') => {
      const result = await probe('127.0.0.1', at, options({ type: 'grpc', service, timeoutMs: 500 }), never);
      return result.healthy ? '' : result.reason;
    };
    expect(await says(await freePort())).toBe('connection refused');
    expect(await says(await listening(createTcpServer((socket) => socket.destroy())))).toMatch(/connection (reset|closed)/);
    expect(await says(await listening(createServer()))).toBe('it does not speak HTTP/2');
    const without = new GrpcServer();
    const bare = await new Promise<number>((resolve) =>
      without.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (_, bound) => resolve(bound)),
    );
    closers.push(() => without.forceShutdown());
    expect(await says(bare)).toBe('it does not have grpc.health.v1');
  });

  test.each(['tcp', 'http', 'grpc'] as const)('over %s leaves no connection at a server that accepts and hangs', async (type) => {
    let open = 0;
    const hangs = createTcpServer((socket) => {
      open += 1;
      socket.resume().on('error', () => undefined);
      socket.once('close', () => (open -= 1));
    });
    const port = await listening(hangs);
    const result = await probe('127.0.0.1', port, options({ type, timeoutMs: 100 }), never);
    expect(result).toEqual(type === 'tcp' ? { healthy: true } : { healthy: false, reason: 'no answer within 100 ms' });
    await until('it is closed', () => open === 0);
  });
});
