import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { request } from 'node:http';
import type { IncomingHttpHeaders } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until } from '@isthmus/model/testing';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { freePorts, startIstiod } from '@isthmus/servers';
import type { EnvoyServer } from '@isthmus/servers';
import { BridgeProcess } from './support/bridge.ts';
import { pointsOff } from './support/chance.ts';
import { callEgress } from './support/egress.ts';
import { hostsOf, startSidecar, sumOfStats } from './support/envoy.ts';
import { Instance } from './support/instance.ts';
import { CASES, hostOf, objectsOf } from './support/istiod-cases.ts';
import type { RuleCase } from './support/istiod-cases/rule-case.ts';
import { giveFile, istioObject, serviceEntry } from './support/istio-files.ts';

jest.setTimeout(300_000);

/** What a call came to: the answer, and every request that reached an instance on its behalf. */
interface Outcome {
  readonly status: number;
  readonly body: string;
  readonly headers: IncomingHttpHeaders;
  readonly seen: readonly {
    readonly by: string;
    readonly method: string;
    readonly path: string;
    readonly headers: IncomingHttpHeaders;
  }[];
}

const TCP_HOST = 'tcp.test';
const instances: Instance[] = [];
let objects: readonly object[];
let tcpPort: number;
const ours: Outcome[][] = [];
const theirs: Outcome[][] = [];
const rejected: number[] = [];
const tcpCounts: Record<string, number>[] = [];

beforeAll(async () => {
  for (const name of ['v1', 'v2', 'v3']) instances.push(await Instance.start(name, `127.0.3.${instances.length + 1}`));
  const [tcp = 0, nobody = 0] = await freePorts(2);
  tcpPort = tcp;
  const down = { name: 'down', address: '127.0.3.9', port: nobody };
  objects = [...CASES.flatMap((_, at) => objectsOf(at, [...instances, down])), ...tcpObjects(tcpPort)];
  await throughTheBridge();
  await throughIstiod();
}, 900_000); // istiod may have to be built first

afterAll(async () => {
  for (const instance of instances) await instance.stop();
});

/** One after the other: both Envoys listen on the same loopback port for the TCP service. */
async function throughTheBridge(): Promise<void> {
  const bridge = await BridgeProcess.prepare([{ name: 'fixed', kind: 'file', path: 'services.yaml' }], {
    istio: { dir: 'istio.d', outboundTrafficPolicy: 'registry-only' },
  });
  try {
    await giveFile(bridge.directory, 'services.yaml', [{ services: [] }]);
    await mkdir(join(bridge.directory, 'istio.d'));
    await giveFile(join(bridge.directory, 'istio.d'), 'mesh.yaml', objects);
    await bridge.run();
    expect((await bridge.get<{ items: object[] }>('diagnostics')).items).toEqual([]);
    await record(bridge.ports.xds, ours);
  } finally {
    await bridge.close();
  }
}

async function throughIstiod(): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'isthmus-rules-'));
  // A stock Envoy has no filters of Istio's, and no agent beside it that has secrets (docs/facts.md).
  const istiod = await startIstiod({
    env: { PILOT_ENABLE_ALPN_FILTER: 'false', PILOT_ENABLE_METADATA_EXCHANGE: 'false' },
    meshConfig: {
      configSources: [{ address: `fs://${directory}` }],
      outboundTrafficPolicy: { mode: 'REGISTRY_ONLY' },
      enableAutoMtls: false,
      enableTracing: false,
      defaultProviders: { metrics: [] },
    },
  });
  try {
    await giveFile(directory, 'mesh.yaml', objects); // after the start: endpoints of files that are there before may stay empty
    await record(istiod.ports.grpc, theirs);
  } finally {
    await istiod.stop();
    await rm(directory, { recursive: true, force: true });
  }
}

async function record(xdsPort: number, into: Outcome[][]): Promise<void> {
  const envoy = await startSidecar(xdsPort, 'GRPC', 'web', { INTERCEPTION_MODE: 'NONE', LABELS: { app: 'web' } });
  try {
    await until('every service is in Envoy', async () => {
      for (let at = 0; at < CASES.length; at += 1)
        if ((await hostsOf(envoy, `outbound|80||${hostOf(at)}`)).length === 0) return false;
      return (await hostsOf(envoy, `outbound|${tcpPort}|v2|${TCP_HOST}`)).length === 1;
    });
    await until('so are the routes', async () => (await callEgress(envoy.ports.egress, hostOf(0))).status === 200);
    for (const [at, each] of CASES.entries()) into.push(await outcomesOf(envoy, each, hostOf(at)));
    tcpCounts.push(await tcpShares());
    rejected.push(await sumOfStats(envoy, 'update_rejected$'));
  } finally {
    await envoy.stop();
  }
}

async function outcomesOf(
  envoy: EnvoyServer<'egress'>,
  { call = {}, times = 1, each, shares, ejects = false }: RuleCase,
  host: string,
): Promise<Outcome[]> {
  const values = each?.values ?? Array.from({ length: times }, () => undefined);
  const outcomes: Outcome[] = [];
  for (const value of values) {
    for (const instance of instances) instance.seen.length = 0;
    const headers = {
      ...call.headers,
      ...(each && value !== undefined && { [each.header]: value }),
      host: (call.host ?? host).replace('$HOST', host.toUpperCase()),
    };
    const answer = await ask(envoy.ports.egress, call.method ?? 'GET', call.path ?? '/', headers);
    if (call.path === '/copied')
      await until('the copy is there', () => instances.some(({ name, seen }) => name === 'v3' && seen.length > 0));
    const seen = instances.flatMap((instance) =>
      instance.seen.map(({ method, path, authority, headers: sent }) => ({
        by: instance.name,
        method,
        path,
        // 1.27 calls a copy `host-shadow`, as newer ones do not (docs/facts.md).
        headers: comparable({ ...sent, host: authority.replace(/-shadow$/, '') }),
      })),
    );
    if (ejects) await hostsOf(envoy, `outbound|80||${host}`);
    outcomes.push({ ...answer, headers: comparable(answer.headers), seen: shares === undefined ? seen : [] });
  }
  return outcomes;
}

/** Without ids, dates, and times. */
function comparable(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  const { date: _date, 'x-request-id': _id, 'x-envoy-upstream-service-time': _time, ...rest } = headers;
  return rest;
}

function ask(port: number, method: string, path: string, headers: Record<string, string>): Promise<Omit<Outcome, 'seen'>> {
  return new Promise((resolve, reject) => {
    const call = request({ host: '127.0.0.1', port, method, path, headers }, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => (body += chunk));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body, headers: response.headers }));
    });
    call.on('error', reject);
    call.end();
  });
}

function tcpObjects(port: number): readonly object[] {
  const to = (subset: string, weight: number): object => ({
    destination: { host: TCP_HOST, subset, port: { number: port } },
    weight,
  });
  return [
    serviceEntry(TCP_HOST, instances, [{ number: port, protocol: 'TCP' }]),
    istioObject('DestinationRule', 'tcp', {
      host: TCP_HOST,
      subsets: ['v1', 'v2'].map((name) => ({ name, labels: { version: name } })),
    }),
    istioObject('VirtualService', 'tcp', {
      hosts: [TCP_HOST],
      tcp: [{ match: [{ port }], route: [to('v1', 80), to('v2', 20)] }],
    }),
  ];
}

/** A connection for each call: it is connections that a TCP route shares out. */
async function tcpShares(): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (let n = 0; n < 1_000; n += 1) {
    const { body } = await ask(tcpPort, 'GET', '/', { host: 'whatever', connection: 'close' });
    counts[body] = (counts[body] ?? 0) + 1;
  }
  return counts;
}

function percents(outcomes: readonly Outcome[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { status, body } of outcomes) {
    const key = status === 200 ? body : `status ${status}`;
    counts[key] = (counts[key] ?? 0) + 100 / outcomes.length;
  }
  return counts;
}

describe('the same calls through an Envoy fed by the bridge and one fed by istiod 1.27.9', () => {
  test('nothing was rejected', () => {
    expect(rejected).toEqual([0, 0]);
  });

  test.each(CASES.map((each, at) => [each.name, at] as const))('end alike: %s', (_name, at) => {
    const { shares, isChance, istiodBy, expects, call } = CASES[at] as RuleCase;
    const [mine, istiods] = [ours[at] ?? [], theirs[at] ?? []];
    const [first] = mine as [Outcome];
    if (shares !== undefined) {
      for (const [who, percent] of Object.entries(shares))
        for (const outcomes of [mine, istiods])
          expect(Math.abs((percents(outcomes)[who] ?? 0) - percent)).toBeLessThan(pointsOff(percent, outcomes.length));
      expect(Object.keys(percents(mine)).sort()).toEqual(Object.keys(shares).sort());
      expect(Object.keys(percents(istiods)).sort()).toEqual(Object.keys(shares).sort());
      return;
    }
    if (expects.status !== 0) expect(first.status).toBe(expects.status);
    if (expects.by !== undefined) expect(first.body).toBe(expects.by);
    if (expects.attempts !== undefined && mine.length === 1) expect(first.seen).toHaveLength(expects.attempts);
    if (call?.path === '/copied') expect(first.seen.map(({ by }) => by)).toEqual(['v1', 'v3']);
    if (istiodBy !== undefined) expect(istiods.map(({ body }) => body)).toEqual([istiodBy]);
    else if (isChance === true) expect(percents(mine)).toEqual(percents(istiods));
    else expect(mine).toEqual(istiods);
  });

  test('end alike: weights of a TCP route', () => {
    for (const counts of tcpCounts) {
      expect(Math.abs((counts['v1'] ?? 0) / 10 - 80)).toBeLessThan(pointsOff(80, 1_000));
      expect(Math.abs((counts['v2'] ?? 0) / 10 - 20)).toBeLessThan(pointsOff(20, 1_000));
    }
    expect(tcpCounts).toHaveLength(2);
  });
});
