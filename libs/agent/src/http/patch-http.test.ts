import http from 'node:http';
import net from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { ArmCounts } from '../control/arm-counts.ts';
import type { Decision } from '../decision-table.ts';
import { Diagnostics } from '../diagnostics.ts';
import type { AgentDiagnostic } from '../diagnostics.ts';
import type { ClientSeam } from './client-seam.ts';
import { patchHttp } from './patch-http.ts';
import { call, serve } from './testing/recorded-server.ts';
import type { Server } from './testing/recorded-server.ts';

let instance: Server;
let egress: Server;
let agent: http.Agent;
let said: AgentDiagnostic[];
let failures: string[];
let undo: () => void;
const sidecar: Decision = { kind: 'sidecar', rung: 'traffic', authority: 'orders:80' };

function patch(more: Partial<ClientSeam> = {}, connect?: (place: { host: string; port: number }) => net.Socket): void {
  const diagnostics = new Diagnostics({ emit: (one) => said.push(one), now: () => 0 });
  const seam: ClientSeam = {
    egress: { host: '127.0.0.1', port: egress.port },
    decide: (_host, port) => (port === instance.port ? sidecar : { kind: 'sdk' }),
    failed: (outcome) => failures.push(outcome),
    diagnostics,
    ...more,
  };
  undo = patchHttp(seam, connect);
}

beforeEach(async () => {
  instance = await serve('instance');
  egress = await serve('egress');
  agent = new http.Agent({ keepAlive: true });
  said = [];
  failures = [];
  undo = () => undefined;
});
afterEach(async () => {
  undo();
  agent.destroy();
  await Promise.all([instance.kill(), egress.kill()]);
});

describe('a call that the plan moves', () => {
  test('goes to the egress and names the service and its port; the application sees what it wrote', async () => {
    patch();
    const request = http.get({ host: '127.0.0.1', port: instance.port, path: '/a?b=c', agent });
    await new Promise<void>((resolve) =>
      request.once('response', (response: http.IncomingMessage) => response.resume().once('end', resolve)),
    );
    expect(egress.seen).toMatchObject([{ method: 'GET', url: '/a?b=c', headers: { host: 'orders:80' } }]);
    expect(request.getHeader('host')).toBe(`127.0.0.1:${instance.port}`);
    expect(instance.seen).toEqual([]);
  });

  test.each<[string, http.RequestOptions]>([
    ['with headers as a list', { headers: ['Host', 'x', 'A', 'b'] as never }],
    ['without an agent of its own', { agent: false }],
    ['by the global agent', {}],
    ['that waits for 100 Continue', { method: 'PUT', headers: { expect: '100-continue', 'content-length': 2 } }],
  ])('%s arrives too', async (_, options) => {
    patch();
    expect(await call({ port: instance.port, ...options }, options.method === 'PUT' ? 'ab' : undefined)).toEqual({
      status: 200,
      body: 'egress',
    });
    expect(egress.seen[0]?.headers.host).toBe('orders:80');
  });

  test('keeps its body whole, a megabyte of it too, and connections are used again', async () => {
    const ports = new Set<unknown>();
    await egress.kill();
    egress = await serve('egress', (request) => {
      ports.add(request.socket.remotePort);
      return false;
    });
    patch();
    const body = 'x'.repeat(1024 * 1024);
    for (let turn = 0; turn < 5; turn += 1) await call({ port: instance.port, method: 'POST', agent }, body);
    expect(egress.seen.map((one) => one.body.length)).toEqual(Array.from({ length: 5 }, () => body.length));
    expect(ports.size).toBe(1);
  });

  test('waits its turn where the application limits its connections, and arrives by the service of its own', async () => {
    patch();
    const narrow = new http.Agent({ keepAlive: true, maxSockets: 1 });
    const paths = Array.from({ length: 20 }, (_, at) => `/${at}`);
    await Promise.all(paths.map((path) => call({ port: instance.port, path, agent: narrow })));
    expect(egress.seen.map(({ url, headers }) => [url, headers.host])).toEqual(paths.map((path) => [path, 'orders:80']));
    narrow.destroy();
  });

  test('carries the trace of the call that it is made for, unless it has its own', async () => {
    const { followIncoming } = await import('../trace-context.ts');
    const unfollow = followIncoming();
    patch();
    const trace = { traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01', 'x-request-id': 'r1' };
    const own: http.OutgoingHttpHeaders = { traceparent: '00-00000000000000000000000000000001-0000000000000001-01' };
    const front = await serve('front', (_request, response) => {
      void call({ port: instance.port, agent })
        .then(() => call({ port: instance.port, agent, headers: own }))
        .then(() => response.end('done'));
      return true;
    });
    await call({ port: front.port, headers: trace });
    await call({ port: instance.port, agent });
    expect(egress.seen.map(({ headers }) => headers['traceparent'])).toEqual([trace.traceparent, own['traceparent'], undefined]);
    expect(egress.seen[0]?.headers['x-request-id']).toBe('r1');
    unfollow();
    await front.kill();
  });
});

describe('a call that the plan does not move', () => {
  test('goes where it went', async () => {
    patch({ decide: () => ({ kind: 'sdk' }) });
    expect(await call({ port: instance.port, agent })).toEqual({ status: 200, body: 'instance' });
  });

  test('because it asks for another protocol stays on the SDK, and says so', async () => {
    patch();
    expect((await call({ port: instance.port, headers: { connection: 'upgrade', upgrade: 'foo' }, agent })).body).toBe(
      'instance',
    );
    expect(said).toMatchObject([{ code: 'not-movable', where: `127.0.0.1:${instance.port}` }]);
  });
});

describe('when the sidecar is gone', () => {
  test('and nobody listens, a call of any method goes to the instance, as the application wrote it', async () => {
    await egress.kill();
    patch();
    expect((await call({ port: instance.port, method: 'POST', agent, headers: { a: 'b' } }, 'body')).body).toBe('instance');
    expect(instance.seen).toMatchObject([
      { method: 'POST', body: 'body', headers: { a: 'b', host: `127.0.0.1:${instance.port}` } },
    ]);
    expect(failures).toEqual(['dead']);
  });

  test('before it answered, an idempotent call goes to the instance, once, and others fail as they did', async () => {
    await egress.kill();
    egress = await serve('egress', (request) => {
      request.socket.destroy();
      return true;
    });
    patch();
    expect((await call({ port: instance.port, agent })).body).toBe('instance');
    expect((await call({ port: instance.port, method: 'PUT', agent }, 'b')).body).toBe('instance');
    await expect(call({ port: instance.port, method: 'POST', agent }, 'b')).rejects.toMatchObject({ code: 'ECONNRESET' });
    expect(instance.seen.map(({ method }) => method)).toEqual(['GET', 'PUT']);
    expect(egress.seen).toHaveLength(3);
  });

  test('after it began to answer, the call fails as it did: nothing is sent twice', async () => {
    await egress.kill();
    egress = await serve('egress', (request, response) => {
      response.writeHead(200, { 'content-length': 10 });
      response.write('half', () => request.socket.destroy());
      return true;
    });
    patch();
    await expect(call({ port: instance.port, agent })).rejects.toMatchObject({ code: 'ECONNRESET' });
    expect(instance.seen).toEqual([]);
  });

  test('between two calls, a connection that was kept is no error for the second', async () => {
    patch();
    await call({ port: instance.port, agent });
    await egress.kill();
    for (let turn = 0; turn < 3; turn += 1) expect((await call({ port: instance.port, agent })).body).toBe('instance');
  });

  test('a body of more than 64 KiB that has left is not sent again', async () => {
    await egress.kill();
    egress = await serve('egress', (request) => {
      request.socket.destroy();
      return true;
    });
    patch();
    await expect(call({ port: instance.port, method: 'PUT', agent }, Buffer.alloc(100_000))).rejects.toMatchObject({
      code: 'ECONNRESET',
    });
    expect(instance.seen).toEqual([]);
  });

  test('and the instance too, the application gets the error that it would have got', async () => {
    patch();
    await Promise.all([egress.kill(), instance.kill()]);
    await expect(call({ port: instance.port, agent })).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });

  test('the answer of a sidecar, 503 too, is the answer', async () => {
    await egress.kill();
    egress = await serve('egress', (_request, response) => {
      response.writeHead(503).end('no healthy upstream');
      return true;
    });
    patch();
    expect(await call({ port: instance.port, agent })).toEqual({ status: 503, body: 'no healthy upstream' });
    expect(instance.seen).toEqual([]);
  });
});

describe('calls are counted', () => {
  let counts: ArmCounts;
  beforeEach(() => void (counts = new ArmCounts()));
  const taken = (): readonly number[] => {
    const { calls, failures, attempts, latency } = counts.take();
    return [calls, failures, attempts, latency.reduce((sum, one) => sum + one, 0)];
  };

  test('by the SDK: a 503 and no answer are failures, and what the application does not listen to is its own business', async () => {
    let status = 200;
    await instance.kill();
    instance = await serve('instance', (_request, response) => {
      response.writeHead(status).end();
      return true;
    });
    patch({ decide: () => ({ kind: 'sdk', counts }) });
    await call({ port: instance.port, agent });
    status = 503;
    await call({ port: instance.port, agent });
    expect(taken()).toEqual([2, 1, 2, 2]);
    // Nobody listens for the answer: Node throws it away and the connection is free again.
    const unread = http.request({ host: '127.0.0.1', port: instance.port, agent }).end();
    await new Promise((resolve) => unread.once('close', resolve));
    await instance.kill();
    await expect(call({ port: instance.port, agent: false })).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    expect(taken()).toEqual([2, 2, 2, 2]);
  });

  test('by the mesh: one that fell back to the instance is a failure of the mesh, and two attempts', async () => {
    patch({ decide: () => ({ ...sidecar, counts }) });
    await call({ port: instance.port, agent });
    expect(taken()).toEqual([1, 0, 1, 1]);
    await egress.kill();
    expect((await call({ port: instance.port, agent: false })).body).toBe('instance');
    expect(taken()).toEqual([1, 1, 2, 1]);
  });

  test('when they end: one that is under way is neither a call nor an attempt, or gates saw attempts of no call', async () => {
    await egress.kill();
    let answer: (() => void) | undefined;
    egress = await serve('egress', (_request, response) => {
      answer = () => void response.end();
      return true;
    });
    patch({ decide: () => ({ ...sidecar, counts }) });
    const under = call({ port: instance.port, agent });
    while (answer === undefined) await new Promise((resolve) => setImmediate(resolve));
    expect(taken()).toEqual([0, 0, 0, 0]);
    answer();
    await under;
    expect(taken()).toEqual([1, 0, 1, 1]);
  });

  test('with what the sidecar tried again, where it says so', async () => {
    await egress.kill();
    egress = await serve('egress', (_request, response) => {
      response.writeHead(200, { 'x-envoy-attempt-count': '3' }).end();
      return true;
    });
    patch({ decide: () => ({ ...sidecar, counts }) });
    await call({ port: instance.port, agent });
    expect(taken()).toEqual([1, 0, 3, 1]);
  });
});

describe('time limits and aborts', () => {
  test('are those of the application: a request that takes too long is told so, and is not sent to the instance', async () => {
    await egress.kill();
    egress = await serve('egress', () => true);
    patch();
    const request = http.get({ host: '127.0.0.1', port: instance.port, agent, timeout: 50 });
    const error = new Promise((resolve) => request.once('error', resolve));
    request.once('timeout', () => request.destroy(new Error('too late')));
    expect(await error).toMatchObject({ message: 'too late' });
    expect(instance.seen).toEqual([]);
  });
});

describe('a fault of the agent', () => {
  const broken = (): never => {
    throw new Error('broken');
  };

  test('in the decision, or in what it says, leaves the call to the SDK', async () => {
    patch({ decide: broken });
    expect((await call({ port: instance.port, agent })).body).toBe('instance');
    expect(said).toMatchObject([{ code: 'agent-fault', where: 'http' }]);
    undo();
    patch({ decide: broken, diagnostics: new Diagnostics({ emit: broken, now: broken }) });
    expect((await call({ port: instance.port, agent })).body).toBe('instance');
  });

  test('in an authority that no head can have leaves the call to the SDK', async () => {
    patch({ decide: () => ({ kind: 'sidecar', rung: 'traffic', get authority(): string { return broken(); } }) }); // prettier-ignore
    expect((await call({ port: instance.port, agent })).body).toBe('instance');
  });

  test('in being told of a failure does not keep the call from the instance', async () => {
    await egress.kill();
    patch({ failed: broken });
    expect((await call({ port: instance.port, agent })).body).toBe('instance');
  });

  test('in connecting leaves the call to the SDK', async () => {
    patch({}, ({ port, host }) => (port === egress.port ? broken() : net.connect({ port, host })));
    expect((await call({ port: instance.port, agent })).body).toBe('instance');
  });
});
