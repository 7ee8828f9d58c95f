import { IncomingMessage, ServerResponse, request } from 'node:http';
import { Socket } from 'node:net';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { until } from '@isthmus/model/testing';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { NEVER, concat, of } from 'rxjs';
import { EventsController } from './events.controller.ts';
import { LiveEvents } from './live-events.ts';
import { ProblemFilter } from './problem.ts';

class EventsModule {}

describe('streams of live events', () => {
  let app: NestFastifyApplication;
  let live: LiveEvents;
  beforeEach(async () => {
    live = new LiveEvents(() => concat(of({ type: 'summary', data: { ready: 'live' } }), NEVER), 3);
    const module = {
      module: EventsModule,
      controllers: [EventsController],
      providers: [{ provide: LiveEvents, useValue: live }],
    };
    app = await NestFactory.create(module, new FastifyAdapter({ forceCloseConnections: true }), { logger: false });
    app.useGlobalFilters(new ProblemFilter({ error: () => undefined }));
    await app.listen(0, '127.0.0.1');
  });
  afterEach(() => app.close());

  const open = (): Promise<IncomingMessage> =>
    new Promise((resolve, reject) => {
      const { port } = app.getHttpServer().address() as AddressInfo;
      request({ port, host: '127.0.0.1', path: '/api/v1/events', agent: false }, resolve).on('error', reject).end();
    });

  test('are as many as may be: one more is a problem that says what to do, is counted, and harms none of the others', async () => {
    const streams = await Promise.all([open(), open(), open()]);
    expect(streams.map(({ statusCode }) => statusCode)).toEqual([200, 200, 200]);
    for (let n = 0; n < 5; n += 1) {
      const { status, headers, body } = await whole(await open());
      expect([status, headers['content-type'], headers['retry-after']]).toEqual([
        429,
        expect.stringContaining('application/problem+json'),
        '5',
      ]);
      expect(JSON.parse(body)).toEqual({
        type: 'about:blank',
        title: 'Too many streams',
        status: 429,
        detail: '3 streams of live events are open, and no more may be',
        remedy: expect.stringContaining('/api/v1/sources'),
      });
    }
    expect([live.open, live.refused]).toEqual([3, 5]);
    for (const stream of streams) expect(String((await once(stream)).value)).toContain('event: summary');
    for (const stream of streams) stream.destroy();
  });

  test('give their place back when they end, whichever side ends them', async () => {
    for (let round = 0; round < 3; round += 1) {
      const streams = await Promise.all([open(), open(), open()]);
      expect(streams.map(({ statusCode }) => statusCode)).toEqual([200, 200, 200]);
      for (const stream of streams) stream.destroy();
      await until('their places are free', () => live.open === 0);
    }
    expect(live.refused).toBe(0);
  });
});

test('a stream whose client was gone before it began takes no place', async () => {
  const live = new LiveEvents(() => NEVER, 1);
  const response = new ServerResponse(new IncomingMessage(new Socket()));
  response.destroy();
  await until('it is closed', () => response.closed);
  for (let n = 0; n < 3; n += 1) expect(live.stream(response)).toBeDefined();
  expect([live.open, live.refused]).toEqual([0, 0]);
});

const once = (stream: IncomingMessage): Promise<IteratorResult<unknown>> => stream[Symbol.asyncIterator]().next();

async function whole(
  answer: IncomingMessage,
): Promise<{ status: number | undefined; headers: IncomingMessage['headers']; body: string }> {
  let body = '';
  for await (const chunk of answer) body += String(chunk);
  return { status: answer.statusCode, headers: answer.headers, body };
}
