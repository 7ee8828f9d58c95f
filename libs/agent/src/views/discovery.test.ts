import http from 'node:http';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { AgentTarget, ViewEndpoint } from '@isthmus/contract';
import { Agent, request } from 'undici';
import { Decider } from '../decider.ts';
import { Diagnostics } from '../diagnostics.ts';
import type { ClientSeam } from '../http/client-seam.ts';
import { patchHttp } from '../http/patch-http.ts';
import { serve } from '../http/testing/recorded-server.ts';
import type { Server } from '../http/testing/recorded-server.ts';
import { wrapped } from '../undici/patch-dispatcher.ts';
import { Discovery } from './discovery.ts';

const target = (more: Partial<AgentTarget> = {}): AgentTarget => ({
  host: 'orders.mesh',
  rung: 'discovery',
  addresses: [`127.0.0.1:${picked.port}`],
  ...more,
});
const at = (port: number, over: Partial<ViewEndpoint> = {}): ViewEndpoint => ({
  address: '127.0.0.1',
  port,
  weight: 1,
  healthy: true,
  zone: '',
  protocol: '',
  ...over, // prettier-ignore
});

/** What the SDK picks, and the two that the mesh sees. */
let picked: Server;
let one: Server;
let two: Server;
let discovery: Discovery;
let decider: Decider;
let seam: ClientSeam;
let timers: { readonly ms: number; readonly run: () => void }[];
let random: number;
beforeEach(async () => {
  [picked, one, two] = await Promise.all([serve('picked'), serve('one'), serve('two')]);
  timers = [];
  random = 0;
  discovery = new Discovery({
    zone: '',
    now: () => 0,
    random: () => (random = (random + 0.25) % 1),
    changed: () => decider.judge(),
    setTimer: (ms, run) => {
      const timer = { ms, run };
      timers.push(timer);
      return () => void timers.splice(timers.indexOf(timer), 1);
    },
  });
  const diagnostics = new Diagnostics({ emit: () => undefined, now: () => 0 });
  decider = new Decider(diagnostics, (authority) => discovery.balancerOf(authority));
  seam = {
    egress: { host: '127.0.0.1', port: 1 },
    decide: (host, port, read, carrier) => decider.decide(host, port, read, carrier),
    failed: () => undefined,
    diagnostics,
  };
});
afterEach(() => Promise.all([picked, one, two].map((server) => server.kill())));

function adopt(targets: readonly AgentTarget[], fromFile = false): void {
  discovery.follow(targets, fromFile);
  decider.adopt({ schema: 1, version: '1', targets });
}
const seen = (): readonly number[] => [picked.seen.length, one.seen.length, two.seen.length];

type Call = (host: string, port: number, headers?: Record<string, string>, method?: string) => Promise<string>;
const byHttp: Call = (host, port, headers = {}, method = 'GET') => {
  const undo = patchHttp(seam);
  return new Promise<string>((resolve) => {
    const sent = http.request({ host, port, headers, method, path: '/a' }, (response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => (text += chunk.toString()));
      response.on('end', () => resolve(text));
    });
    sent.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    sent.end(method === 'POST' ? 'body' : undefined);
    undo();
  });
};
const byUndici: Call = async (host, port, headers = {}, method = 'GET') => {
  const dispatcher = new Agent();
  try {
    const body = method === 'POST' ? 'body' : null;
    const options = { dispatcher: wrapped(dispatcher, () => seam), headers, method, body } as const;
    return await (await request(`http://${host}:${port}/a`, options)).body.text();
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? '';
  } finally {
    await dispatcher.close();
  }
};

describe.each([
  ['http', byHttp],
  ['undici', byUndici],
])('at discovery a call by %s', (_, call) => {
  test('goes to the instances of the mesh by their weights, with the Host of the one that is dialled', async () => {
    adopt([target({ sdkNames: ['nacos/public/G/orders'] })]);
    discovery.take('orders.mesh:80', [at(one.port, { weight: 3 }), at(two.port)]);
    for (let turn = 0; turn < 8; turn += 1) await call('127.0.0.1', picked.port);
    expect(seen()).toEqual([0, 6, 2]);
    expect(one.seen[0]).toMatchObject({ url: '/a', headers: { host: `127.0.0.1:${one.port}` } });
  });

  test('keeps a Host that the application wrote, and its body', async () => {
    adopt([target()]);
    discovery.take('orders.mesh:80', [at(one.port)]);
    expect(await call('127.0.0.1', picked.port, { host: 'shop.example' }, 'POST')).toBe('one');
    expect(one.seen).toMatchObject([{ method: 'POST', body: 'body', headers: { host: 'shop.example' } }]);
  });

  test('to an instance that refuses goes where the SDK sent it, whatever its method, and the next ones past it', async () => {
    adopt([target({ sdkNames: ['consul/dc1//orders'] })]);
    await two.kill();
    discovery.take('orders.mesh:80', [at(one.port), at(two.port)]);
    const answers: string[] = [];
    for (let turn = 0; turn < 6; turn += 1) answers.push(await call('127.0.0.1', picked.port, {}, 'POST'));
    expect(answers.filter((answer) => answer === 'picked')).toHaveLength(1);
    expect(answers.filter((answer) => answer === 'one')).toHaveLength(5);
  });

  test('that was lost on its way is not sent again: retries are the process’s own', async () => {
    adopt([target()]);
    await one.kill();
    one = await serve('one', (incoming) => incoming.socket.destroy() !== undefined);
    discovery.take('orders.mesh:80', [at(one.port)]);
    expect(await call('127.0.0.1', picked.port)).toMatch(/ECONNRESET|UND_ERR_SOCKET/);
    expect(seen()).toEqual([0, 1, 0]);
  });

  test('by the name of the service needs no SDK: it is picked, and picked again when one refuses', async () => {
    adopt([target({ addresses: [] })]);
    await two.kill();
    discovery.take('orders.mesh:80', [at(one.port), at(two.port)]);
    const answers: string[] = [];
    for (let turn = 0; turn < 4; turn += 1) answers.push(await call('orders.mesh', 80));
    expect(answers).toEqual(['one', 'one', 'one', 'one']);
    expect(one.seen[0]?.headers.host).toMatch(/^orders\.mesh(:80)?$/);
  });

  test('is the SDK’s while the mesh has nobody, and while nobody confirms its view for a minute', async () => {
    adopt([target()]);
    expect(await call('127.0.0.1', picked.port)).toBe('picked');
    discovery.take('orders.mesh:80', [at(one.port, { healthy: false }), at(two.port, { weight: 0 })]);
    expect(await call('127.0.0.1', picked.port)).toBe('picked');
    discovery.take('orders.mesh:80', [at(one.port)]);
    expect(await call('127.0.0.1', picked.port)).toBe('one');
    discovery.connected(false);
    expect(await call('127.0.0.1', picked.port)).toBe('one');
    expect(timers.map(({ ms }) => ms)).toEqual([60_000]);
    timers[0]?.run();
    expect(await call('127.0.0.1', picked.port)).toBe('picked');
    expect(decider.view()).toMatchObject([{ desired: 'discovery', effective: 'shadow' }]);
    discovery.connected(true);
    expect(await call('127.0.0.1', picked.port)).toBe('one');
  });
});

test('calls by one agent that keeps connections have one to each instance that is picked', async () => {
  adopt([target()]);
  discovery.take('orders.mesh:80', [at(one.port)]);
  const undo = patchHttp(seam);
  const agent = new http.Agent({ keepAlive: true });
  const ports = new Set<number | undefined>();
  for (let turn = 0; turn < 5; turn += 1)
    await new Promise<void>((resolve) => {
      const sent = http.get({ host: '127.0.0.1', port: picked.port, agent }, (response) => {
        ports.add(response.socket.localPort);
        response.resume().once('end', () => setImmediate(resolve));
      });
      expect((sent as http.ClientRequest & { agent: http.Agent }).agent).toBe(agent); // not in Node's types
    });
  expect(ports.size).toBe(1);
  expect(seen()).toEqual([0, 5, 0]);
  undo();
  agent.destroy();
});

describe('a plan', () => {
  test('from a file has its addresses for instances at discovery, and only there', () => {
    adopt([target(), { ...target(), host: 'users.mesh', rung: 'traffic', addresses: ['10.0.0.9:80'] }], true);
    expect(decider.decide('127.0.0.1', picked.port)).toMatchObject({ kind: 'instance', authority: 'orders.mesh:80' });
    expect(discovery.balancerOf('users.mesh:80')).toBeUndefined();
  });

  test('that shares calls between discovery and the SDK picks for its share only', () => {
    adopt([target({ percent: 25 })]);
    discovery.take('orders.mesh:80', [at(one.port)]);
    const kinds = Array.from({ length: 100 }, () => decider.decide('127.0.0.1', picked.port).kind);
    const share = kinds.filter((kind) => kind === 'instance').length;
    expect(share > 20 && share < 30).toBe(true);
  });

  test('that shares calls between the sidecar and discovery leaves the rest to the agent, and to the SDK once the sidecar is lost', () => {
    adopt([target({ rung: 'traffic', percent: 50 })]);
    discovery.take('orders.mesh:80', [at(one.port)]);
    const kinds = (): Set<string> => new Set(Array.from({ length: 10 }, () => decider.decide('127.0.0.1', picked.port).kind));
    decider.judge(() => true);
    expect(kinds()).toEqual(new Set(['sidecar', 'instance']));
    decider.judge(() => false);
    expect(kinds()).toEqual(new Set(['sdk']));
  });
});
