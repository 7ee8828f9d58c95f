import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ServerCredentials } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { AgentTarget, LiftedPolicy, ViewEndpoint } from '@isthmus/contract';
import { Authority } from '../../../../test/e2e/support/authority.ts';
import type { IssuedFiles } from '../../../../test/e2e/support/authority.ts';
import { askSources } from '../control/report-sources.ts';
import { ViewAgent, endpoint } from '../views/testing/view-agent.ts';
import { registerGrpc } from './index.ts';
import { VERSIONS } from './testing/grpc-versions.ts';
import type { Grpc } from './testing/grpc-versions.ts';
import { WHO, serveNames } from './testing/names-server.ts';
import type { NamesOptions, NamesServer } from './testing/names-server.ts';

type Client = InstanceType<Grpc['Client']>;

const AUTHORITY = 'orders.mesh:80';
const asIs = (bytes: Buffer): Buffer => bytes;

let servers: Map<string, NamesServer>;
let clients: Client[];
let agent: ViewAgent;
let undo: () => void;

beforeEach(() => {
  servers = new Map();
  clients = [];
  start();
});
afterEach(() => {
  undo();
  for (const client of clients) client.close();
  for (const server of servers.values()) server.kill();
});

function start(options: ConstructorParameters<typeof ViewAgent>[0] = {}): void {
  agent = new ViewAgent(options);
  undo = agent.install();
}

async function serve(name: string, options: NamesOptions = {}): Promise<NamesServer> {
  const server = await serveNames(name, 0, options);
  servers.set(name, server);
  return server;
}

/** The plan: `orders.mesh` at `discovery`, and `sdk` is who the SDK knows. */
function plan(more: Partial<AgentTarget> = {}): void {
  const sdk = servers.get('sdk');
  agent.adopt({ host: 'orders.mesh', rung: 'discovery', addresses: sdk === undefined ? [] : [sdk.address], ...more });
}

function view(...endpoints: readonly ViewEndpoint[]): void {
  agent.discovery.take(AUTHORITY, endpoints);
}

const at = (name: string, over: Partial<ViewEndpoint> = {}): ViewEndpoint => endpoint(servers.get(name)?.address ?? '', over);

function open(grpc: Grpc, options: Readonly<Record<string, unknown>> = {}): Client {
  registerGrpc(grpc);
  const client = new grpc.Client(`isthmus:///${AUTHORITY}`, grpc.credentials.createInsecure(), options);
  clients.push(client);
  return client;
}

function call(by: Client, within = 10_000): Promise<string> {
  return new Promise((resolve, reject) => {
    by.makeUnaryRequest(WHO, asIs, asIs, Buffer.alloc(0), { deadline: Date.now() + within }, (error, answer) =>
      error === null ? resolve(String(answer?.subarray(2))) : reject(error),
    );
  });
}

/** Many calls, some at a time; each has to succeed. @returns how many each server answered */
async function many(by: Client, times: number): Promise<Readonly<Record<string, number>>> {
  const counts: Record<string, number> = {};
  const worker = async (): Promise<void> => {
    for (let left = times / 20; left > 0; left -= 1) {
      const name = await call(by);
      counts[name] = (counts[name] ?? 0) + 1;
    }
  };
  await Promise.all(Array.from({ length: 20 }, worker));
  return counts;
}

async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  for (const ends = performance.now() + 20_000; !(await holds());) {
    if (performance.now() > ends) throw new Error(`waited in vain: ${what}`);
    await new Promise(setImmediate);
  }
}

/** Calls until these answer and no others; each has to succeed. */
const untilOnly = (by: Client, ...names: readonly string[]): Promise<void> =>
  until(
    `only ${names.join()}`,
    async () =>
      Object.keys(await many(by, 100))
        .sort()
        .join() === names.join(),
  );

describe.each(Object.entries(VERSIONS))('at discovery a channel of grpc-js %s', (_, grpc) => {
  test('has its calls picked by the weights of the mesh, as the SDK of Nacos would, within 5 points', async () => {
    for (const name of ['a', 'b', 'c']) await serve(name);
    plan({ sdkNames: ['nacos/public/DEFAULT_GROUP/orders'] });
    view(at('a', { weight: 5 }), at('b', { weight: 3 }), at('c', { weight: 2 }));
    const by = open(grpc);
    await until(
      'all are connected',
      () => [...servers.values()].every((one) => one.sessions() > 0) || call(by).then(() => false),
    );
    const counts = await many(by, 2_000);
    for (const [name, share] of [
      ['a', 0.5],
      ['b', 0.3],
      ['c', 0.2],
    ] as const)
      // prettier-ignore
      expect(Math.abs((counts[name] ?? 0) / 2_000 - share)).toBeLessThan(0.05);
    expect(new Set(servers.get('a')?.authorities)).toEqual(new Set([AUTHORITY]));
  }, 120_000);

  test('sends fewer calls to who answers late, where no SDK picked before', async () => {
    let release: () => void = () => undefined;
    const released = new Promise<void>((resolve) => (release = resolve));
    const slow = await serve('slow', { hold: () => released });
    const fast = await serve('fast');
    plan();
    view(at('slow'), at('fast'));
    const by = open(grpc);
    const arrived = (): number => slow.authorities.length + fast.authorities.length;
    const calls: Promise<string>[] = [];
    const one = async (): Promise<void> => {
      calls.push(call(by, 50_000));
      await until('it has arrived', () => arrived() === calls.length);
    };
    while (slow.sessions() + fast.sessions() < 2) await one();
    const before = slow.authorities.length;
    for (let turn = 0; turn < 200; turn += 1) await one();
    // Only where both draws are of the slow one: a quarter. In turn or at random it were half of them.
    expect(slow.authorities.length - before).toBeLessThan(75);
    release();
    expect(new Set(await Promise.all(calls))).toEqual(new Set(['slow', 'fast']));
  }, 120_000);

  test('stays in its own zone, and leaves it when nobody is left there', async () => {
    undo();
    start({ zone: 'eu/a' });
    for (const name of ['far', 'near', 'near2']) await serve(name);
    plan();
    view(at('far', { zone: 'eu/b' }), at('near', { zone: 'eu/a' }), at('near2', { zone: 'eu/a' }));
    const by = open(grpc);
    await untilOnly(by, 'near', 'near2');
    view(at('far', { zone: 'eu/b' }), at('near', { zone: 'eu/a', healthy: false }));
    await untilOnly(by, 'far');
  }, 120_000);

  test('dials an instance that left the view no more; those that came are called, and no call fails', async () => {
    for (const name of ['a', 'b', 'c']) await serve(name);
    plan();
    view(at('a'), at('b'));
    const by = open(grpc);
    await untilOnly(by, 'a', 'b');
    for (let turn = 0; turn < 2; turn += 1) {
      const under = many(by, 200);
      await call(by);
      view(at('b'), at('c'));
      await under;
      await untilOnly(by, 'b', 'c');
      const before = servers.get('a')?.authorities.length;
      expect(Object.keys(await many(by, 200)).sort()).toEqual(['b', 'c']);
      expect(servers.get('a')?.authorities.length).toBe(before);
      view(at('a'), at('b'));
      await untilOnly(by, 'a', 'b');
    }
  }, 120_000);

  test('moves between the SDK’s instances and the mesh’s under load, both ways, and no call fails', async () => {
    for (const name of ['a', 'b', 'sdk']) await serve(name);
    plan({ rung: 'sdk' });
    view(at('a'), at('b'));
    const by = open(grpc);
    let isOver = false;
    const load = Promise.all(
      Array.from({ length: 10 }, async () => {
        while (!isOver) await call(by);
      }),
    );
    for (let turn = 0; turn < 6; turn += 1) {
      plan();
      if (turn % 3 !== 2) await untilOnly(by, 'a', 'b');
      else await call(by);
      plan({ rung: 'sdk' });
      if (turn % 3 !== 1) await untilOnly(by, 'sdk');
    }
    await untilOnly(by, 'sdk');
    isOver = true;
    await load;
  }, 120_000);

  test('goes on past an instance that was killed, and to the SDK’s when nobody of the mesh can be reached', async () => {
    for (const name of ['a', 'b', 'sdk']) await serve(name);
    plan();
    view(at('a'), at('b'));
    const retry = { maxAttempts: 3, initialBackoff: '0.01s', maxBackoff: '0.1s', backoffMultiplier: 2, retryableStatusCodes: ['UNAVAILABLE'] }; // prettier-ignore
    const by = open(grpc, {
      'grpc.service_config': JSON.stringify({
        methodConfig: [{ name: [{ service: 'isthmus.test.Names' }], retryPolicy: retry }],
      }),
    });
    await untilOnly(by, 'a', 'b');
    servers.get('a')?.kill();
    // Those on their way to it are the application's own to repeat: its retries are in force at discovery too.
    await untilOnly(by, 'b');
    servers.get('b')?.kill();
    await untilOnly(by, 'sdk');
  }, 120_000);

  test('keeps the timeouts of the channel’s own service config', async () => {
    await serve('hangs', { hold: () => new Promise(() => undefined) });
    plan();
    view(at('hangs'));
    const by = open(grpc, {
      'grpc.service_config': JSON.stringify({ methodConfig: [{ name: [{ service: 'isthmus.test.Names' }], timeout: '0.25s' }] }),
    });
    await expect(call(by)).rejects.toMatchObject({ code: grpc.status.DEADLINE_EXCEEDED });
  }, 120_000);

  test('reaches instances by IPv6, and fails with a reason where nobody is to be reached at all', async () => {
    await serve('six', { host: '::1' });
    plan();
    view(at('six'));
    const by = open(grpc);
    await untilOnly(by, 'six');
    servers.get('six')?.kill();
    await until('calls fail', () => call(by).then(() => false, (error: { details: string }) => error.details.includes('no instance of the mesh can be connected to'))); // prettier-ignore
  }, 120_000);
});

describe.each(Object.entries(VERSIONS))('of how it balances a channel of grpc-js %s', (version, grpc) => {
  // A host of its own: channels of other tests may not be collected yet.
  const host = `told-${version.replaceAll('.', '-')}.mesh`;
  const told = (): readonly LiftedPolicy[] =>
    askSources((source) => source.policies?.())
      .flat()
      .filter((policy) => policy.host === host);
  const channel = (config?: object): void => {
    registerGrpc(grpc);
    const options = config === undefined ? {} : { 'grpc.service_config': JSON.stringify(config) };
    const client = new grpc.Client(`isthmus:${host}:80`, grpc.credentials.createInsecure(), options);
    clients.push(client);
    client.getChannel().getConnectivityState(true); // grpc-js makes the resolver when the channel is first used
  };
  const balancing = (loadBalancingConfig: string): object => ({
    host,
    library: 'grpc-js',
    policy: 'balancing',
    options: { loadBalancingConfig },
  });

  test('tells the control plane its own policy, each once, however many channels have it', () => {
    channel();
    expect(told()).toMatchObject([balancing('pick_first')]);
    channel({ loadBalancingConfig: [{ round_robin: {} }] });
    channel({ loadBalancingConfig: [{ round_robin: {} }] });
    expect(told()).toMatchObject([balancing('pick_first'), balancing('round_robin')]);
  });
});

describe.each(Object.entries(VERSIONS))('by TLS a channel of grpc-js %s', (_, grpc) => {
  test('calls only instances whose certificate has the name of the service', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'isthmus-grpc-tls-'));
    const authority = await Authority.make(dir, 'ca');
    const by = async ({ certFile, keyFile }: IssuedFiles): Promise<NamesOptions> => {
      const pair = { cert_chain: await readFile(certFile), private_key: await readFile(keyFile) };
      return { credentials: ServerCredentials.createSsl(null, [pair]) };
    };
    await serve('orders', await by(await authority.issue('orders', 'DNS:orders.mesh')));
    await serve('users', await by(await authority.issue('users', 'DNS:users.mesh, IP:127.0.0.1')));
    plan();
    view(at('users'), at('orders'));
    registerGrpc(grpc);
    const client = new grpc.Client(`isthmus:${AUTHORITY}`, grpc.credentials.createSsl(await readFile(authority.certFile)));
    clients.push(client);
    expect(await many(client, 200)).toEqual({ orders: 200 });
    expect(servers.get('users')?.authorities).toEqual([]);
    await rm(dir, { recursive: true, force: true });
  }, 120_000);
});

test('the connection to an instance that left the view is ended once its last call is', async () => {
  for (const name of ['a', 'b']) await serve(name);
  plan();
  view(at('a'), at('b'));
  const by = open(VERSIONS['1.14'] as Grpc);
  await untilOnly(by, 'a', 'b');
  view(at('b'));
  // grpc-js looks every 10 s which of its connections nobody has any more.
  await until('a has no connection', () => servers.get('a')?.sessions() === 0);
  expect(servers.get('b')?.sessions()).toBe(1);
}, 60_000);
