import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from '@jest/globals';
import { systemClock } from '@isthmus/model';
import type { SinkEntry } from '@isthmus/registry';
import { consulConfig } from './config.ts';
import { consulSink } from './sink.ts';

const ENTRY: SinkEntry = {
  at: { namespace: '', group: '', name: 'orders' },
  address: '10.0.0.1',
  port: 8080,
  protocol: 'grpc',
  weight: 0.5,
  metadata: { version: 'v1', 'management.port': '1', long: 'x'.repeat(513) },
  marks: { mesh: 'shop', origin: 'k8s/shop//orders', path: ['shop'], owner: 'me', version: 'abc' },
  ttlMs: 30_000,
};
const ID = /^isthmus-shop-orders-[0-9a-f]{12}$/;

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close().closeAllConnections();
});

async function consul(answer: (line: string) => { status: number; body: string } | undefined = () => undefined) {
  const asked: { readonly line: string; readonly body: string }[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      const line = `${request.method} ${request.url}`;
      asked.push({ line, body });
      const { status, body: text } = answer(line) ?? { status: 200, body: line.includes('status/leader') ? '"here"' : '[]' };
      response.writeHead(status, { 'content-type': 'application/json' }).end(text);
    });
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const config = consulConfig.parse({ name: 'hq', kind: 'consul', servers: [url], requestTimeout: '1s' });
  const { signal } = new AbortController();
  const session = await consulSink(config, { clock: systemClock, baseDir: '.', meshId: 'shop' }).connect(0, signal);
  return { asked, session, signal };
}

describe('what is written into Consul', () => {
  test('an agent service with a TTL check, and of the metadata what Consul takes', async () => {
    const { asked, session, signal } = await consul();
    await session.register(ENTRY, signal);
    session.close();
    expect(asked[1]?.line).toBe('PUT /v1/agent/service/register');
    const body = JSON.parse(asked[1]?.body ?? '') as { ID: string };
    expect(body).toEqual({
      ID: expect.stringMatching(ID),
      Name: 'orders',
      Address: '10.0.0.1',
      Port: 8080,
      Tags: ['isthmus', 'secure=false'],
      Meta: {
        'isthmus-mesh': 'shop',
        'isthmus-origin': 'k8s/shop//orders',
        'isthmus-path': 'shop',
        'isthmus-owner': 'me',
        'isthmus-version': 'abc',
        secure: 'false',
        protocol: 'grpc',
        version: 'v1',
      },
      Weights: { Passing: 1, Warning: 1 },
      Check: {
        CheckID: `${body.ID}-ttl`,
        Name: 'renewed by Isthmus',
        TTL: '30000ms',
        Status: 'passing',
        DeregisterCriticalServiceAfter: '60000ms',
      },
    });
    expect(asked[2]?.line).toBe(`PUT /v1/agent/check/pass/${body.ID}-ttl`);
  });

  test('it is renewed by its check and taken away by its id, the same ones each time', async () => {
    const { asked, session, signal } = await consul();
    await session.renew(ENTRY, signal);
    await session.deregister(ENTRY, signal);
    session.close();
    const id = asked[1]?.line.replace(/.*\//, '').replace('-ttl', '');
    expect(asked.slice(1).map((one) => one.line)).toEqual([
      `PUT /v1/agent/check/pass/${id}-ttl`,
      `PUT /v1/agent/service/deregister/${id}`,
    ]);
  });

  test('a check that the agent does not know is told; a service that is gone is no error', async () => {
    const { session, signal } = await consul((line) =>
      line.startsWith('PUT') ? { status: 404, body: 'Unknown check ID' } : undefined,
    );
    expect(await session.renew(ENTRY, signal)).toBe('unknown');
    await session.deregister(ENTRY, signal);
    session.close();
  });

  test.each([
    [403, 'Permission denied: token lacks permission', 'registry.auth'],
    [500, 'No cluster leader', 'registry.unreachable'],
    [400, 'Invalid service address', 'registry.protocol'],
  ])('a refusal with %i %s is %s', async (status, body, code) => {
    const { session, signal } = await consul((line) => (line.startsWith('PUT') ? { status, body } : undefined));
    await expect(session.register(ENTRY, signal)).rejects.toMatchObject({ code });
    session.close();
  });
});
