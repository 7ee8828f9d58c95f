import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Controller, Module, Post } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import fastify from 'fastify';
import type { HeaderReader } from './sticky.ts';
import { followIncoming, traceHeadersFor } from './trace-context.ts';

const read: HeaderReader = (carrier, name) => (carrier as Readonly<Record<string, string>>)[name];

type Passed = Readonly<Record<string, string>>;

/** What a call made now would carry. */
function carried(own: Passed = {}): Passed {
  return Object.fromEntries(traceHeadersFor(read, own));
}

/** After the body was read, and after a turn of the loop, as a handler would call another service. */
function handle(request: http.IncomingMessage, response: http.ServerResponse): void {
  let body = '';
  request.on('data', (chunk: Buffer) => (body += chunk.toString()));
  request.on('end', () => setImmediate(() => response.end(JSON.stringify({ body, ...carried() }))));
}

@Controller()
class Front {
  @Post()
  async call(): Promise<Passed> {
    await new Promise((resolve) => setImmediate(resolve));
    return carried();
  }
}

@Module({ controllers: [Front] })
class FrontModule {}

/** Sends requests on one connection; the body of each leaves when the server has begun to handle it. */
async function ask(port: number, ...headers: readonly Passed[]): Promise<Passed[]> {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  const answers: Passed[] = [];
  for (const one of headers) {
    const text = await new Promise<string>((resolve, reject) => {
      const request = http.request(
        {
          host: '127.0.0.1',
          port,
          method: 'POST',
          agent,
          headers: { 'content-type': 'application/json', expect: '100-continue', ...one },
        },
        (response) => {
          let said = '';
          response.on('data', (chunk: Buffer) => (said += chunk.toString()));
          response.on('end', () => resolve(said));
        },
      );
      request.once('error', reject);
      request.once('continue', () => request.end('{}'));
      request.flushHeaders();
    });
    answers.push(JSON.parse(text) as Passed);
  }
  agent.destroy();
  return answers;
}

const W3C = { traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01', tracestate: 'a=b' };
const B3 = { b3: '80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-1' };
const B3_MULTI = { 'x-b3-traceid': '463ac35c9f6413ad', 'x-b3-spanid': 'a2fb4a1d1a96d312', 'x-b3-sampled': '1' };

let unfollow: () => void;
let port: number;
let close: () => Promise<unknown>;

const servers: Readonly<Record<string, () => Promise<void>>> = {
  'http, whose handler listens to its body': async () => {
    const server = http.createServer(handle);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    close = () => new Promise((resolve) => server.close(resolve));
    port = (server.address() as AddressInfo).port;
  },
  fastify: async () => {
    const server = fastify();
    server.post('/', async () => {
      await new Promise((resolve) => setImmediate(resolve));
      return carried();
    });
    await server.listen({ host: '127.0.0.1', port: 0 });
    close = () => server.close();
    port = (server.server.address() as AddressInfo).port;
  },
  'Nest on fastify': async () => {
    const app = await NestFactory.create(FrontModule, new FastifyAdapter(), { logger: false });
    await app.listen(0, '127.0.0.1');
    close = () => app.close();
    port = ((app.getHttpServer() as http.Server).address() as AddressInfo).port;
  },
};

beforeEach(() => {
  unfollow = followIncoming();
});
afterEach(async () => {
  unfollow();
  await close();
});

describe.each(Object.keys(servers))('a server of %s', (kind) => {
  test.each([
    ['W3C alone', W3C],
    ['B3 in one header alone', B3],
    ['B3 in several headers alone', B3_MULTI],
    ['the id that Envoy gives, alone', { 'x-request-id': 'r1' }],
    ['a decision of B3 not to sample', { 'x-b3-sampled': '0' }],
  ])('has its calls carry what came in: %s', async (_, headers) => {
    await servers[kind]?.();
    expect(await ask(port, headers)).toMatchObject([headers]);
  });

  test('has no call carry the trace of the request before on the same connection', async () => {
    await servers[kind]?.();
    const [first, second, third] = await ask(port, W3C, {}, B3);
    expect(first).toMatchObject(W3C);
    expect(second).not.toHaveProperty('traceparent');
    expect(third).toMatchObject(B3);
    expect(third).not.toHaveProperty('traceparent');
  });
});

test('a call with a trace of its own keeps it, in whichever form it is', async () => {
  const server = http.createServer((_request, response) => {
    response.end(JSON.stringify([carried(B3), carried(B3_MULTI), carried(W3C), carried({ 'x-request-id': 'own' })]));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  close = () => new Promise((resolve) => server.close(resolve));
  const [answer] = await ask((server.address() as AddressInfo).port, { ...W3C, 'x-request-id': 'r1' });
  expect(answer).toEqual([{}, {}, {}, W3C]);
});

test('nobody is followed any more when it is undone', async () => {
  await servers['http, whose handler listens to its body']?.();
  unfollow();
  expect(await ask(port, W3C)).toEqual([{ body: '{}' }]);
});
