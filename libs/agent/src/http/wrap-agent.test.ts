import http from 'node:http';
import https from 'node:https';
import { mkdtemp, rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { selfSigned } from '@isthmus/translate/testing';
import type { Certificate } from '@isthmus/translate/testing';
import type { Agent } from '../agent.ts';
import { wrapAgent, wrapRequest } from './index.ts';
import { serve } from './testing/recorded-server.ts';
import type { Server } from './testing/recorded-server.ts';
import { recordedSeam } from './testing/recorded-seam.ts';
import type { RecordedSeam } from './testing/recorded-seam.ts';

const KEY = Symbol.for('isthmus.agent');
const global = globalThis as { [KEY]?: Agent | undefined };

let instance: Server;
let egress: Server;

function run(seam: RecordedSeam): RecordedSeam {
  global[KEY] = { clients: { seam } } as unknown as Agent;
  return seam;
}

function answerOf(request: http.ClientRequest): Promise<string> {
  return new Promise((resolve, reject) => {
    request.once('error', reject);
    request.once('response', (response: http.IncomingMessage) => {
      let body = '';
      response.on('data', (chunk: Buffer) => (body += chunk.toString()));
      response.on('end', () => resolve(body));
    });
    request.end();
  });
}

beforeEach(async () => {
  instance = await serve('instance');
  egress = await serve('egress');
});
afterEach(async () => {
  delete global[KEY];
  await Promise.all([instance.kill(), egress.kill()]);
});

describe('without a patch of Node', () => {
  test('an agent that was wrapped follows the plan, and others do not', async () => {
    const seam = run(recordedSeam(egress.port, instance.port));
    const agent = wrapAgent(new http.Agent({ keepAlive: true }));
    expect(wrapAgent(agent)).toBe(agent);
    const options = { host: '127.0.0.1', port: instance.port, agent };
    expect(await answerOf(http.request(options))).toBe('egress');
    expect(await answerOf(http.request({ ...options, agent: false }))).toBe('instance');
    delete global[KEY];
    expect(await answerOf(http.request(options))).toBe('instance');
    expect(egress.seen).toMatchObject([{ headers: { host: 'orders:80' } }]);
    expect(seam.said).toEqual([]);
    agent.destroy();
  });

  test('a request function that was wrapped follows the plan in each of its forms', async () => {
    run(recordedSeam(egress.port, instance.port));
    const own = new http.Agent();
    const shared = new http.Agent();
    const request = wrapRequest(http.request, shared);
    const url = `http://127.0.0.1:${instance.port}/a`;
    expect(await answerOf(request(url))).toBe('egress');
    expect(await answerOf(request(new URL(url), { method: 'PUT' }))).toBe('egress');
    expect(await answerOf(request(url, { agent: false }))).toBe('egress');
    expect(await answerOf(request({ host: '127.0.0.1', port: instance.port, path: '/b', agent: own }))).toBe('egress');
    const called = new Promise((resolve) => request(url, resolve).end());
    expect(await called).toMatchObject({ statusCode: 200 });
    expect(egress.seen.map(({ method, url: path }) => `${method} ${path}`)).toEqual([
      'GET /a',
      'PUT /a',
      'GET /a',
      'GET /b',
      'GET /a',
    ]);
    expect(await answerOf(http.request(url, { agent: new http.Agent() }))).toBe('instance');
    for (const one of [own, shared]) one.destroy();
  });
});

describe('a call by HTTPS', () => {
  let directory: string;
  let certificate: Certificate;
  let secure: https.Server;
  let port: number;
  let agent: https.Agent;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'isthmus-https-'));
    certificate = await selfSigned(directory, 'orders');
    secure = https.createServer(certificate, (_request, response) => response.end('secure instance'));
    await new Promise<void>((resolve) => secure.listen(0, '127.0.0.1', resolve));
    port = (secure.address() as AddressInfo).port;
  });
  afterAll(async () => {
    await new Promise((resolve) => secure.close(resolve));
    await rm(directory, { recursive: true, force: true });
  });
  beforeEach(() => {
    agent = wrapAgent(new https.Agent({ keepAlive: true, ca: certificate.cert, servername: 'orders' }));
  });
  afterEach(() => {
    agent.destroy();
  });
  const call = (options: https.RequestOptions = {}): Promise<string> =>
    answerOf(https.request({ host: '127.0.0.1', port, agent, ...options }));

  test('stays on the SDK, and that is said, unless the sidecar originates TLS', async () => {
    const seam = run(recordedSeam(egress.port, port));
    expect(await call()).toBe('secure instance');
    expect(seam.said).toMatchObject([
      { code: 'not-movable', where: `127.0.0.1:${port}`, message: expect.stringContaining('originatesTls') },
    ]);
    expect(egress.seen).toEqual([]);
  });

  test('goes to the egress in plain HTTP where the sidecar originates TLS', async () => {
    run(recordedSeam(egress.port, port, { originatesTls: true }));
    expect(await call({ path: '/a' })).toBe('egress');
    expect(await call({ path: '/b' })).toBe('egress');
    expect(egress.seen).toMatchObject([{ url: '/a', headers: { host: 'orders:80' } }, { url: '/b' }]);
  });

  test('goes to the instance by TLS of its own, with its own authorities, when nobody listens at the egress', async () => {
    run(recordedSeam(egress.port, port, { originatesTls: true }));
    await egress.kill();
    expect(await call()).toBe('secure instance');
    const distrusting = wrapAgent(new https.Agent({ servername: 'orders' }));
    await expect(call({ agent: distrusting })).rejects.toMatchObject({ code: 'DEPTH_ZERO_SELF_SIGNED_CERT' });
  });

  test('with a client certificate of its own stays on the SDK, and that is said', async () => {
    const seam = run(recordedSeam(egress.port, port, { originatesTls: true }));
    expect(await call({ cert: certificate.cert, key: certificate.key })).toBe('secure instance');
    expect(seam.said).toMatchObject([{ code: 'not-movable', message: expect.stringContaining('client certificate of its own') }]);
  });
});
