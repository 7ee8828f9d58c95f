import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from '@jest/globals';
import { drainOf } from './drain.ts';
import { followInbound } from './follow-inbound.ts';

interface Answering {
  readonly server: http.Server;
  /** Answers the calls that wait. */
  answer(): void;
}

async function serve(): Promise<Answering> {
  const waiting: http.ServerResponse[] = [];
  const server = http.createServer({ keepAliveTimeout: 0 }, (request, response) => {
    if (request.url === '/slow') waiting.push(response);
    else response.end('fast');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { server, answer: () => waiting.splice(0).forEach((response) => void response.end('slow')) };
}

function get(server: http.Server, path: string, agent: http.Agent): Promise<string> {
  const { port } = server.address() as AddressInfo;
  return new Promise((resolve, reject) => {
    const call = http.get({ host: '127.0.0.1', port, path, agent }, (response) => {
      response.resume().on('end', () => resolve(`${response.statusCode} ${response.headers.connection}`));
    });
    call.on('error', reject);
  });
}

test('a server that drains asks its callers to go, answers what is under way, and then is gone', async () => {
  const { server, answer } = await serve();
  const agent = new http.Agent({ keepAlive: true });
  expect(await get(server, '/', agent)).toBe('200 keep-alive');
  const drain = drainOf(server);
  drain.begin();
  expect(await get(server, '/', agent)).toBe('200 close'); // new calls are still taken
  const slow = get(server, '/slow', agent);
  await new Promise((resolve) => server.once('request', resolve));
  const finished = drain.finish();
  expect(server.listening).toBe(false);
  answer();
  expect(await slow).toBe('200 close');
  await finished;
  expect(drain.force()).toBe(0);
  agent.destroy();
});

test('what does not end is ended, and counted', async () => {
  const { server } = await serve();
  const agent = new http.Agent({ keepAlive: true });
  const drain = drainOf(server);
  drain.begin();
  const slow = get(server, '/slow', agent);
  await new Promise((resolve) => server.once('request', resolve));
  const finished = drain.finish();
  expect(drain.force()).toBe(1);
  await expect(slow).rejects.toThrow();
  await finished;
  agent.destroy();
});

test.each([true, false])(
  'every call that comes in is told of, by Node’s channel (%s) or by the server’s event',
  async (hasChannel) => {
    const { server } = await serve();
    const told: string[] = [];
    const undo = followInbound((request, at) => told.push(`${request.url} ${at === server}`), fail, hasChannel);
    const agent = new http.Agent();
    await get(server, '/a', agent);
    undo();
    await get(server, '/b', agent);
    expect(told).toEqual(['/a true']);
    server.close();
  },
);

test('a fault of who is told does not reach the call', async () => {
  const { server } = await serve();
  const faults: unknown[] = [];
  const undo = followInbound(fail, (error) => faults.push(error), false);
  expect(await get(server, '/', new http.Agent())).toMatch(/^200/);
  expect(faults).toHaveLength(1);
  undo();
  server.close();
});

function fail(): never {
  throw new Error('not to be called');
}
