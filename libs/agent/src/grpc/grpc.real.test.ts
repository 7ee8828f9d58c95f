import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { AgentTarget } from '@isthmus/contract';
import * as grpc114 from '@grpc/grpc-js';
import grpc112 from 'grpc-js-1.12';
import grpc113 from 'grpc-js-1.13';
import grpc18 from 'grpc-js-1.8';
import type { Agent } from '../agent.ts';
import type { AgentDiagnostic } from '../diagnostics.ts';
import { startProcessAgent } from '../process-agent.ts';
import { grpcInterceptor, registerGrpc } from './index.ts';
import type { GrpcOptions } from './index.ts';
import { WHO, serveNames } from './testing/names-server.ts';
import type { NamesServer } from './testing/names-server.ts';

type Grpc = typeof grpc114;
type Client = InstanceType<Grpc['Client']>;

const TARGET = 'isthmus:orders:80';
const asIs = (bytes: Buffer): Buffer => bytes;

const versions = {
  '1.8': grpc18 as unknown as Grpc,
  '1.12': grpc112 as unknown as Grpc,
  '1.13': grpc113 as unknown as Grpc,
  '1.14': grpc114,
};

let directory: string;
let agent: Agent;
let said: AgentDiagnostic[];
let instances: NamesServer[];
let egress: NamesServer;
let client: Client | undefined;
let version = 0;

async function plan(more: Pick<AgentTarget, 'rung'> & Partial<AgentTarget>): Promise<void> {
  const addresses = instances.map(({ port }) => `127.0.0.1:${port}`);
  const file = join(directory, 'plan.json');
  const targets = [{ host: 'orders', addresses, ...more }];
  await writeFile(`${file}.new`, JSON.stringify({ schema: 1, version: String((version += 1)), targets }));
  await rename(`${file}.new`, file);
}

function open(grpc: Grpc, options: GrpcOptions = {}, target = TARGET, channel: Readonly<Record<string, unknown>> = {}): Client {
  registerGrpc(grpc, options);
  return (client = new grpc.Client(target, grpc.credentials.createInsecure(), channel));
}

function call(by: Client): Promise<string> {
  return new Promise((resolve, reject) => {
    by.makeUnaryRequest(WHO, asIs, asIs, Buffer.alloc(0), { deadline: Date.now() + 10_000 }, (error, answer) =>
      error === null ? resolve(String(answer?.subarray(2))) : reject(error),
    );
  });
}

/** Calls, many at a time, until these answer and no others; every call until then has to succeed. */
async function until(by: Client, ...names: readonly string[]): Promise<void> {
  const ends = performance.now() + 20_000;
  for (let last: string[] = []; last.join() !== names.join();) {
    if (performance.now() > ends) throw new Error(`${names.join()} did not answer, but ${last.join()}`);
    last = [...new Set(await Promise.all(Array.from({ length: 20 }, () => call(by))))].sort();
  }
}

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'isthmus-grpc-'));
  instances = [await serveNames('instance')];
  egress = await serveNames('egress');
  await plan({ rung: 'sdk' });
  said = [];
  agent = startProcessAgent({
    planFile: join(directory, 'plan.json'),
    places: { egress: { host: '127.0.0.1', port: egress.port } },
    emit: (diagnostic) => said.push(diagnostic),
  });
});
afterEach(async () => {
  client?.close();
  agent.close();
  for (const one of [...instances, egress]) one.kill();
  await rm(directory, { recursive: true, force: true });
});

describe.each(Object.entries(versions))('a channel of grpc-js %s', (_, grpc) => {
  test('goes to the instances, to the sidecar by the name of its service, and back, live and without a failed call', async () => {
    const by = open(grpc);
    await until(by, 'instance');
    for (let turn = 0; turn < 5; turn += 1) {
      await plan({ rung: 'traffic' });
      await until(by, 'egress');
      await plan({ rung: 'sdk' });
      await until(by, 'instance');
    }
    expect(new Set(egress.authorities)).toEqual(new Set(['orders:80']));
    expect(said.map(({ code }) => code)).toEqual(['sidecar-ready']);
  }, 60_000);

  test('goes on at the instances when the sidecar is killed, and returns when there is one again', async () => {
    await plan({ rung: 'traffic' });
    const by = open(grpc);
    await until(by, 'egress');
    // grpc-js 1.8 does not ask again within 1.2 s after it asked; until then calls that begin may fail.
    for (const ends = performance.now() + 1_500; performance.now() < ends;) await call(by);
    egress.kill();
    await until(by, 'instance');
    for (const ends = performance.now() + 10_000; !said.some(({ code }) => code === 'sidecar-lost');) {
      if (performance.now() > ends) throw new Error('nobody said that the sidecar is lost');
      await call(by);
    }
    egress = await serveNames('egress', egress.port);
    await until(by, 'egress');
  }, 60_000);

  test('counts its calls by the way that each took, and hands the trace of the incoming request on, by the interceptor', async () => {
    const interceptor = grpcInterceptor(grpc, TARGET);
    const by = open(grpc, {}, TARGET, { interceptors: [interceptor] });
    await plan({ rung: 'traffic' });
    await until(by, 'egress');
    const front = http.createServer((_request, response) => {
      void call(by).then((answer) => response.end(answer));
    });
    await new Promise<void>((resolve) => front.listen(0, '127.0.0.1', resolve));
    const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
    const { port } = front.address() as AddressInfo;
    const agentOfOne = new http.Agent();
    await new Promise((resolve) =>
      http.get({ host: '127.0.0.1', port, agent: agentOfOne, headers: { traceparent } }, (response) =>
        response.resume().once('end', resolve),
      ),
    );
    expect(egress.traces.at(-1)).toBe(traceparent);
    const counts = agent.clients.target('orders:80')?.counts;
    const seen = { sdk: counts?.sdk.take(), mesh: counts?.mesh.take() };
    expect(seen.mesh).toMatchObject({ calls: egress.authorities.length, failures: 0, attempts: egress.authorities.length });
    expect(seen.sdk).toMatchObject({ calls: instances[0]?.authorities.length ?? -1, failures: 0 });
    front.close();
    agentOfOne.destroy();
  }, 60_000);

  test('that balances itself does so over all instances, and has one connection to the sidecar', async () => {
    instances.push(await serveNames('other'));
    await plan({ rung: 'sdk' });
    const config = JSON.stringify({ loadBalancingConfig: [{ round_robin: {} }] });
    const by = open(grpc, {}, TARGET, { 'grpc.service_config': config });
    await until(by, 'instance', 'other');
    await plan({ rung: 'traffic' });
    await until(by, 'egress');
  }, 60_000);
});

test('without an agent a channel is where the application finds instances, and follows the plan once there is an agent', async () => {
  agent.close();
  let changed: (addresses: readonly string[]) => void = () => undefined;
  const by = open(grpc114, {
    instances: (authority, told) => {
      expect(authority).toBe('orders:80');
      changed = told;
      return () => undefined;
    },
  });
  const first = call(by);
  await new Promise(setImmediate);
  changed([`127.0.0.1:${instances[0]?.port}`]);
  expect(await first).toBe('instance');
  await plan({ rung: 'traffic', addresses: [] });
  agent = startProcessAgent({
    planFile: join(directory, 'plan.json'),
    places: { egress: { host: '127.0.0.1', port: egress.port } },
    emit: () => undefined,
  });
  await until(by, 'egress');
}, 60_000);

test('a target that nobody knows fails with what to do', async () => {
  await expect(call(open(grpc114, {}, 'isthmus:unknown:80'))).rejects.toMatchObject({
    code: grpc114.status.UNAVAILABLE,
    details: expect.stringContaining("the agent's plan does not name it; add it to the plan"),
  });
  expect(() => open(grpc114, {}, 'isthmus:a b')).toThrow('is no isthmus:HOST:PORT');
});
