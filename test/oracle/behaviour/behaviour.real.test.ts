import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { until } from '@isthmus/model/testing';
import { freePorts } from '@isthmus/servers';
import { EchoServer } from '@isthmus/translate/testing';
import { startOracle } from '../istiod-oracle.ts';
import { parseCase } from '../oracle-case.ts';
import type { OracleCase } from '../oracle-case.ts';
import { translateCase } from '../ours.ts';
import { FedEnvoy } from './fed-envoy.ts';
import type { Answer, Call } from './fed-envoy.ts';

const rules = readFileSync(join(import.meta.dirname, 'rules.yaml'), 'utf8');

let instances: readonly EchoServer[];
let held: HeldServer;
let byIstiod: FedEnvoy;
let byUs: FedEnvoy;

beforeAll(async () => {
  instances = await Promise.all(['v1', 'v2', 'shadow'].map((name) => EchoServer.start(name)));
  held = await HeldServer.start();
  const [nobody, theirs, ours] = (await freePorts(3)) as [number, number, number];
  await using oracle = await startOracle();
  byIstiod = await FedEnvoy.start(await oracle.translate(meshFor(theirs, nobody)), theirs);
  byUs = await FedEnvoy.start(await translateCase(meshFor(ours, nobody)), ours);
}, 900_000); // the oracle may have to be built first

afterAll(async () => {
  for (const envoy of [byIstiod, byUs]) await envoy?.[Symbol.asyncDispose]();
  for (const instance of instances ?? []) await instance[Symbol.asyncDispose]();
  held?.stop();
});

function meshFor(egress: number, nobody: number): OracleCase {
  const [v1, v2, shadow] = instances.map(({ port }) => port);
  const ports = { PORT_V1: v1, PORT_V2: v2, PORT_SHADOW: shadow, PORT_NOBODY: nobody, PORT_HELD: held.port };
  const text = Object.entries(ports).reduce((yaml, [name, port]) => yaml.replaceAll(name, String(port)), rules);
  const node = `node: { locality: eu/a, metadata: { INTERCEPTION_MODE: NONE, HTTP_PROXY_PORT: '${egress}' } }`;
  return parseCase('behaviour/rules', text.replace('\nshows:', `\n${node}\nshows:`));
}

const orders = 'orders.shop.svc.cluster.local';
/** What is called, and who answers: an instance, or Envoy with a status. */
const calls: readonly (readonly [string, Call, string | number])[] = [
  ['no rule in particular', { host: orders }, 'v1'],
  ['a short host', { host: 'orders', path: '/x?y=1' }, 'v1'],
  ['a canary by header', { host: orders, headers: { 'x-canary': 'yes' } }, 'v2'],
  ['a canary by query', { host: orders, path: '/?v=2' }, 'v2'],
  ['the same query with another method', { host: orders, path: '/?v=2', method: 'PUT' }, 'v1'],
  ['a header that must not have a value', { host: orders, headers: { 'x-tenant': 'b' } }, 'v2'],
  ['a header that has it', { host: orders, headers: { 'x-tenant': 'a' } }, 'v1'],
  ['by the authority', { host: 'orders', path: '/by-authority' }, 'v2'],
  ['by another authority', { host: orders, path: '/by-authority' }, 'v1'],
  ['by the scheme', { host: orders, path: '/by-scheme' }, 'v2'],
  ['by the namespace of the caller', { host: orders, path: '/by-namespace' }, 'v2'],
  ['by a scheme, a namespace and labels that it has not', { host: orders, path: '/by-other' }, 'v1'],
  ['the instance in the place of the caller', { host: 'places' }, 'v2'],
  ['a rewrite with header operations', { host: orders, path: '/old/a', headers: { 'x-gone': '1', 'x-old': 'no' } }, 'v2'],
  ['a rewrite by regex', { host: orders, path: '/item/42' }, 'v1'],
  ['a redirect', { host: orders, path: '/moved/x' }, 307],
  ['an answer of the proxy', { host: orders, path: '/closed' }, 410],
  ['an abort', { host: orders, path: '/aborted' }, 418],
  ['retries that do not help', { host: orders, path: '/broken' }, 'v1'],
  [
    'a preflight',
    {
      host: orders,
      path: '/cors',
      method: 'OPTIONS',
      headers: { origin: 'https://a.example', 'access-control-request-method': 'PUT' },
    },
    200,
  ],
  ['another origin', { host: orders, path: '/cors', headers: { origin: 'https://b.example' } }, 'v1'],
  ['an instance that is gone', { host: 'gone.shop.svc.cluster.local' }, 503],
  ['a user by hash', { host: 'carts', headers: { 'x-user': 'anna' } }, 'any'],
  ['another user by hash', { host: 'carts', headers: { 'x-user': 'bert' } }, 'any'],
  ['a third user by hash', { host: 'carts', headers: { 'x-user': 'cleo' } }, 'any'],
];

/** What is the same for the same call; ids, dates and times are not. */
function comparable({ status, headers, seen, body }: Answer): unknown {
  const { date: _date, 'x-envoy-upstream-service-time': _time, ...rest } = headers;
  const { 'x-request-id': _id, ...sent } = seen?.headers ?? {};
  return {
    status,
    headers: { ...rest, 'content-length': undefined },
    seen: seen && { ...seen, headers: sent },
    body: seen ? '' : body,
  };
}

describe('the same call through an Envoy fed by istiod and one fed by us', () => {
  test('finds Envoys that took everything', async () => {
    expect([await byIstiod.rejected(), await byUs.rejected()]).toEqual([[], []]);
  });

  test.each(calls)('ends alike: %s', async (_what, call, who) => {
    const [theirs, ours] = [await byIstiod.call(call), await byUs.call(call)];
    expect(who === 'any' ? who : (ours.seen?.name ?? ours.status)).toBe(who);
    expect(comparable(ours)).toEqual(comparable(theirs));
  });

  test('is tried as often', async () => {
    const [v1] = instances as readonly [EchoServer];
    const tries = async (envoy: FedEnvoy): Promise<number> => {
      v1.seen.length = 0;
      await envoy.call({ host: orders, path: '/broken' });
      return v1.seen.length;
    };
    expect([await tries(byIstiod), await tries(byUs)]).toEqual([4, 4]);
  });

  test('is delayed alike', async () => {
    for (const envoy of [byIstiod, byUs]) {
      const started = performance.now();
      expect(await envoy.call({ host: orders, path: '/delayed' })).toMatchObject({ status: 200, seen: { name: 'v1' } });
      // No answer can come before; how much later is the machine's business.
      expect(performance.now() - started).toBeGreaterThan(290);
    }
  });

  test('waits for the one connection of its pool, or is turned away when one waits already', async () => {
    for (const envoy of [byIstiod, byUs]) {
      held.isOpen = false;
      const first = envoy.call({ host: 'held' });
      await held.holds(1);
      let refused = 0;
      const more = Array.from({ length: 5 }, () => envoy.call({ host: 'held' }));
      for (const one of more) void one.then(({ status }) => status === 503 && (refused += 1));
      await until('all but one are refused', () => refused === 4);
      held.answerAll();
      const statuses = (await Promise.all([first, ...more])).map(({ status }) => status).sort();
      expect(statuses).toEqual([200, 200, 503, 503, 503, 503]);
    }
  });

  test('is mirrored alike', async () => {
    const shadow = instances[2] as EchoServer;
    for (const envoy of [byIstiod, byUs]) {
      shadow.seen.length = 0;
      await envoy.call({ host: orders, path: '/mirrored' });
      await expect(seenBy(shadow)).resolves.toMatchObject({ url: '/mirrored', host: orders });
    }
  });

  test('is split in the same shares', async () => {
    for (const envoy of [byIstiod, byUs]) {
      const answers = await Promise.all(Array.from({ length: 400 }, () => envoy.call({ host: orders, path: '/split' })));
      const canary = answers.filter(({ seen }) => seen?.name === 'v2').length;
      // 25 of 100; five standard deviations of 400 calls are 11 points.
      expect(Math.abs(canary / 4 - 25)).toBeLessThan(11);
    }
  });
});

/** An instance that answers when it is told to, and while it is open. */
class HeldServer {
  readonly #server = createServer((_, response) => {
    if (this.isOpen) response.end('held');
    else this.#waiting.push(response);
  });
  #waiting: ServerResponse[] = [];
  isOpen = false;

  static async start(): Promise<HeldServer> {
    const held = new HeldServer();
    await new Promise<void>((resolve) => held.#server.listen(0, '127.0.0.1', resolve));
    return held;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async holds(calls: number): Promise<void> {
    await until('it holds the call', () => this.#waiting.length === calls);
  }

  answerAll(): void {
    this.isOpen = true;
    for (const response of this.#waiting.splice(0)) response.end('held');
  }

  stop(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}

async function seenBy({ seen }: EchoServer): Promise<unknown> {
  const deadline = performance.now() + 10_000;
  while (seen.length === 0 && performance.now() < deadline) await new Promise((resolve) => setImmediate(resolve));
  return seen[0];
}
