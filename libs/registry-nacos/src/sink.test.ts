import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from '@jest/globals';
import { systemClock } from '@isthmus/model';
import type { SinkEntry } from '@isthmus/registry';
import { nacosConfigSchema } from './config.ts';
import { nacosSink } from './sink.ts';

interface Asked {
  readonly line: string;
  readonly query: Readonly<Record<string, string>>;
}

const ENTRY: SinkEntry = {
  at: { namespace: '', group: '', name: 'orders' },
  address: '10.0.0.1',
  port: 8080,
  protocol: 'https',
  weight: 2,
  metadata: { version: 'v1', 'preserved.x': 'not ours to say', notes: 'n'.repeat(900) },
  marks: { mesh: 'shop', origin: 'k8s/shop//orders', path: ['shop'], owner: 'me', version: 'abc' },
  ttlMs: 30_000,
};

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close().closeAllConnections();
});

/** Answers as Nacos of that generation did (seen with 2.3.2 and 3.1.0; docs/facts.md). */
async function nacos(
  generation: 2 | 3,
  answer: (asked: Asked) => { status?: number; body: unknown } | undefined = () => undefined,
) {
  const asked: Asked[] = [];
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://nacos');
    const one = { line: `${request.method} ${url.pathname.replace('/nacos', '')}`, query: Object.fromEntries(url.searchParams) };
    asked.push(one);
    const given = answer(one);
    const isOther = generation === 2 ? url.pathname.includes('/v3/') : url.pathname.includes('/v1/');
    if (isOther && given === undefined) return void response.writeHead(generation === 2 ? 404 : 410).end('{}');
    const list = generation === 2 ? { hosts: [] } : { code: 0, data: [] };
    const body = given?.body ?? (one.line.startsWith('GET') ? list : generation === 2 ? 'ok' : { code: 0, data: 'ok' });
    response.writeHead(given?.status ?? 200).end(typeof body === 'string' ? body : JSON.stringify(body));
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const config = nacosConfigSchema.parse({
    name: 'shop',
    kind: 'nacos',
    servers: [`http://127.0.0.1:${(server.address() as AddressInfo).port}`],
    namespaces: ['dev'],
  });
  const { signal } = new AbortController();
  const wire = nacosSink(config, { clock: systemClock, baseDir: '.', meshId: 'shop' }, 1_000);
  const session = await wire.connect(0, signal);
  return { asked, session, signal };
}

describe('what is written into Nacos', () => {
  test('over the API that its version has: v3 for clients where it is, else v1', async () => {
    for (const [generation, lines] of [
      [2, ['POST /v1/ns/instance', 'PUT /v1/ns/instance/beat', 'DELETE /v1/ns/instance', 'GET /v1/ns/instance/list']],
      [
        3,
        [
          'POST /v3/client/ns/instance',
          'POST /v3/client/ns/instance',
          'DELETE /v3/client/ns/instance',
          'GET /v3/client/ns/instance/list',
        ],
      ],
    ] as const) {
      const { asked, session, signal } = await nacos(generation);
      await session.register(ENTRY, signal);
      await session.renew(ENTRY, signal);
      await session.deregister(ENTRY, signal);
      await session.list(ENTRY.at, signal);
      session.close();
      expect(asked.slice(1).map((one) => one.line)).toEqual(lines);
      expect(asked[1]?.query).toMatchObject({
        namespaceId: 'dev', // the first that is read
        groupName: 'DEFAULT_GROUP',
        serviceName: generation === 2 ? 'DEFAULT_GROUP@@orders' : 'orders',
        ip: '10.0.0.1',
        port: '8080',
        weight: '2',
        ephemeral: 'true',
      });
    }
  });

  test('metadata: what Spring Cloud callers look for, times of the lease, marks, and of the rest what fits', async () => {
    const { asked, session, signal } = await nacos(2);
    await session.register(ENTRY, signal);
    session.close();
    const text = asked[1]?.query['metadata'] ?? '';
    expect(text.length).toBeLessThanOrEqual(1_024);
    expect(JSON.parse(text)).toEqual({
      'preserved.register.source': 'SPRING_CLOUD',
      'preserved.heart.beat.interval': '7500',
      'preserved.heart.beat.timeout': '30000',
      'preserved.ip.delete.timeout': '30000',
      'isthmus-mesh': 'shop',
      'isthmus-origin': 'k8s/shop//orders',
      'isthmus-path': 'shop',
      'isthmus-owner': 'me',
      'isthmus-version': 'abc',
      secure: 'true',
      version: 'v1',
    });
  });

  test('a beat that Nacos does not know the instance of is told, over either API', async () => {
    const beat = ({ line, query }: Asked) => line.startsWith('PUT') || query['heartBeat'] === 'true';
    for (const [generation, code] of [
      [2, 20_404],
      [3, 21_003],
    ] as const) {
      const { session, signal } = await nacos(generation, (asked) => (beat(asked) ? { body: { code } } : undefined));
      expect(await session.renew(ENTRY, signal)).toBe('unknown');
      session.close();
    }
  });

  test('marks are found again in what it lists; entries of others have none', async () => {
    const hosts = [
      { ip: '10.0.0.1', port: 80, metadata: { 'isthmus-mesh': 'shop', 'isthmus-owner': 'me' } },
      { ip: '10.0.0.2', port: 80, metadata: {} },
      { ip: '10.0.0.3', port: 80 },
      { ip: 7, port: 'x' },
    ];
    const { session, signal } = await nacos(2, ({ line }) =>
      line === 'GET /v1/ns/instance/list' ? { body: { hosts } } : undefined,
    );
    const listed = await session.list(ENTRY.at, signal);
    session.close();
    expect(listed.map(({ address, marks }) => [address, marks?.mesh])).toEqual([
      ['10.0.0.1', 'shop'],
      ['10.0.0.2', undefined],
      ['10.0.0.3', undefined],
    ]);
  });

  test.each([
    [403, 'registry.auth', /permission rw/],
    [503, 'registry.unreachable', /Nacos is still starting/],
    [500, 'registry.protocol', /HTTP 500 bad name/],
    [400, 'registry.protocol', /HTTP 400 bad name/],
  ])('a refusal with %i is %s, and says what to do', async (status, code, text) => {
    const { session, signal } = await nacos(2, ({ line }) =>
      line.startsWith('POST') ? { status, body: 'bad name' } : undefined,
    );
    const failure = await session.register(ENTRY, signal).then(
      () => undefined,
      (thrown: unknown) => thrown as Error & { code: string; remedy: string },
    );
    session.close();
    expect(failure?.code).toBe(code);
    expect(`${failure?.message} ${failure?.remedy}`).toMatch(text);
  });
});
