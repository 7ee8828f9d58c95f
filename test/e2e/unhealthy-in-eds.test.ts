import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { ExplainAnswer } from '@isthmus/contract';
import { until } from '@isthmus/model/testing';
import { startConsul } from '@isthmus/servers';
import type { ConsulServer, EnvoyServer } from '@isthmus/servers';
import { BridgeProcess } from './support/bridge.ts';
import { CheckedInstance } from './support/checked-instance.ts';
import { shares } from './support/egress.ts';
import { clusterHosts, rejectedOf, startSidecar } from './support/envoy.ts';

const HOST = 'orders.dc1.consul';
const CLUSTER = `outbound|80||${HOST}`;
const PANICS = 'bills.dc1.consul';

/** Outlier detection, which by Istio's default makes callers stay in their zone. */
const RULES = `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: orders, namespace: default }
spec:
  host: ${HOST}
  trafficPolicy: { outlierDetection: { consecutive5xxErrors: 7 } }
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: bills, namespace: default }
spec:
  host: ${PANICS}
  trafficPolicy: { outlierDetection: { minHealthPercent: 50 } }
`;

const CLIENTS = [
  { name: 'Envoy 1.40 by delta', api: 'DELTA_GRPC', version: '1.40.0' },
  { name: 'Envoy 1.40 by state of the world', api: 'GRPC', version: '1.40.0' },
  { name: 'Envoy 1.36 by delta', api: 'DELTA_GRPC', version: '1.36.4' },
  { name: 'Envoy 1.36 by state of the world', api: 'GRPC', version: '1.36.4' },
] as const;

/** `outputs.xds.unhealthy: send`: a real Envoy hears by EDS of what a real Consul calls critical. */
let consul: ConsulServer;
let bridge: BridgeProcess;
/** The one that is looked at; all of them hear everything. */
let envoy: EnvoyServer<'egress'>;
const envoys = new Map<string, EnvoyServer<'egress'>>();
let near: readonly CheckedInstance[];
let far: readonly CheckedInstance[];
let registries: readonly object[];

const agent = async (path: string, body?: object): Promise<void> => {
  const answer = await fetch(`http://127.0.0.1:${consul.ports.http}/v1/agent/${path}`, {
    method: 'PUT',
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  expect(answer.status).toBe(200);
};
const say = (state: 'pass' | 'fail', name: string, { address }: CheckedInstance) =>
  agent(`check/${state}/service:${name}-${address}`);

const register = async (name: string, zone: string, { address, port }: CheckedInstance): Promise<void> => {
  const Check = { TTL: '1h', Status: 'passing' };
  const Meta = { protocol: 'http', region: 'eu', zone };
  await agent('service/register', { ID: `${name}-${address}`, Name: name, Address: address, Port: port, Meta, Check });
};

const versionOf = async ({ ports }: EnvoyServer<'egress'>): Promise<string | undefined> => {
  const { version } = (await (await fetch(`http://127.0.0.1:${ports.admin}/server_info`)).json()) as { version: string };
  return /\/(\d+\.\d+\.\d+)\//.exec(version)?.[1];
};
const keyOf = ({ address, port }: CheckedInstance): string => `${address}:${port}`;
const flags = async (one: CheckedInstance, cluster = CLUSTER): Promise<string | undefined> =>
  (await clusterHosts(envoy, cluster)).get(keyOf(one))?.get('health_flags');
const calledBefore = async (one: CheckedInstance): Promise<number> =>
  Number((await clusterHosts(envoy, CLUSTER)).get(keyOf(one))?.get('rq_total'));

/** Of calls made one by one. */
const answers = async (count: number, host = HOST) => shares(envoy.ports.egress, host, count, 1);
const sumOf = (counts: ReadonlyMap<string, number>, instances: readonly CheckedInstance[]): number =>
  instances.reduce((sum, { address }) => sum + (counts.get(address) ?? 0), 0);
const namesOf = (instances: readonly CheckedInstance[]): readonly string[] => instances.map(({ address }) => address).sort();

const leftOut = async (host: string): Promise<readonly string[]> =>
  (await bridge.get<ExplainAnswer>(`explain?q=${host}`)).matches.flatMap((match) => match.leftOut.map(({ reason }) => reason));

const outputs = (unhealthy: 'send' | 'leaveOut') => ({
  xds: { listen: `127.0.0.1:${bridge.ports.xds}`, unhealthy },
  mcp: { listen: `127.0.0.1:${bridge.ports.mcp}` },
});

beforeAll(async () => {
  consul = await startConsul();
  const start = (n: number) => CheckedInstance.start('http', `127.0.7.${n}`);
  near = await Promise.all([11, 12, 13, 14].map(start));
  far = await Promise.all([21, 22, 23, 24].map(start));
  for (const one of near) await register('orders', 'a', one);
  for (const one of far) await register('orders', 'b', one);
  for (const one of near.slice(0, 2)) await register('bills', 'a', one);
  registries = [{ name: 'hq', kind: 'consul', servers: [`http://127.0.0.1:${consul.ports.http}`] }];
  bridge = await BridgeProcess.prepare(registries);
  await mkdir(join(bridge.directory, 'istio.d'));
  await writeFile(join(bridge.directory, 'istio.d/rules.yaml'), RULES);
  await bridge.configure(registries, { istio: { dir: 'istio.d' }, outputs: outputs('send') });
  await bridge.run();
  for (const [n, { name, api, version }] of CLIENTS.entries()) {
    const one = await startSidecar(bridge.ports.xds, api, `web-${n}`, {}, { version, locality: { region: 'eu', zone: 'a' } });
    envoys.set(name, one);
    await until('Envoy has all', async () => (await clusterHosts(one, CLUSTER)).size === 8);
    await until('and those of the other', async () => (await clusterHosts(one, `outbound|80||${PANICS}`)).size === 2);
  }
}, 300_000);

afterAll(async () => {
  for (const one of envoys.values()) await one.stop();
  await bridge?.close();
  await Promise.all([...(near ?? []), ...(far ?? [])].map((instance) => instance.become('gone')));
  await consul?.stop();
}, 60_000);

describe.each(CLIENTS)('$name', ({ name, version }) => {
  beforeAll(async () => {
    envoy = envoys.get(name)!;
    expect(await versionOf(envoy)).toBe(version);
    for (const one of [...near, ...far]) await until('all are well', async () => (await flags(one)) === 'healthy');
  });

  test('while all are well calls stay in the zone', async () => {
    expect([...(await answers(80)).keys()].sort()).toEqual(namesOf(near));
  });

  test('one whose check turns critical is unhealthy to Envoy and gets no call; the zone goes on, and so does the host when it is well again', async () => {
    const [sick, ...others] = near as [CheckedInstance, ...CheckedInstance[]];
    const had = await calledBefore(sick);
    expect(had).toBeGreaterThan(0);
    await say('fail', 'orders', sick);
    await until('Envoy knows', async () => (await flags(sick)) === '/failed_eds_health');
    const { calls } = sick;
    expect(await leftOut(HOST)).toEqual(['unhealthy at the registry; Envoys are told so, all others hear nothing of it']);
    // Three of four: Envoy leaves a zone below 71 %.
    const counts = await answers(100);
    expect([...counts.keys()].sort()).toEqual(namesOf(others));
    expect(sick.calls).toBe(calls);
    await say('pass', 'orders', sick);
    await until('it is well', async () => (await flags(sick)) === 'healthy');
    expect(await calledBefore(sick)).toBe(had); // a new host would have been called never
    expect([...(await answers(60)).keys()].sort()).toEqual(namesOf(near));
  }, 60_000);

  test('a zone most of which is unhealthy spills over by its share, and takes all calls again', async () => {
    const [well, ...sick] = near as [CheckedInstance, ...CheckedInstance[]];
    for (const one of sick) await say('fail', 'orders', one);
    await until('Envoy knows', async () =>
      (await Promise.all(sick.map((one) => flags(one)))).every((f) => f === '/failed_eds_health'),
    );
    const before = sick.map(({ calls }) => calls);
    const counts = await answers(200);
    // One of four, times 1.4: 35 % stay.
    expect(counts.get(well.address)).toBeGreaterThan(30);
    expect(sumOf(counts, far)).toBeGreaterThan(80);
    expect((counts.get(well.address) as number) + sumOf(counts, far)).toBe(200);
    expect(sick.map(({ calls }) => calls)).toEqual(before);

    for (const one of sick) await say('pass', 'orders', one);
    await until('all are well', async () => (await Promise.all(sick.map((one) => flags(one)))).every((f) => f === 'healthy'));
    expect([...(await answers(60)).keys()].sort()).toEqual(namesOf(near));
  }, 60_000);

  test('where all are unhealthy nobody is called', async () => {
    const all = [...near, ...far];
    for (const one of all) await say('fail', 'orders', one);
    await until('Envoy knows', async () =>
      (await Promise.all(all.map((one) => flags(one)))).every((f) => f === '/failed_eds_health'),
    );
    const before = all.map(({ calls }) => calls);
    expect([...(await answers(20)).keys()]).toEqual(['status 503']);
    expect(all.map(({ calls }) => calls)).toEqual(before);
    for (const one of all) await say('pass', 'orders', one);
    await until('all are well', async () => (await Promise.all(all.map((one) => flags(one)))).every((f) => f === 'healthy'));
  }, 60_000);

  test('where a rule lets Envoy panic, one that is unhealthy is left out', async () => {
    const [sick, well] = near as [CheckedInstance, CheckedInstance];
    await say('fail', 'bills', sick);
    await until('it is gone', async () => (await clusterHosts(envoy, `outbound|80||${PANICS}`)).size === 1);
    expect([...(await answers(20, PANICS)).keys()]).toEqual([well.address]);
    expect(await leftOut(PANICS)).toEqual([
      'unhealthy at the registry; Envoys are told so, but where minHealthPercent of a rule would have them call it',
    ]);
    await say('pass', 'bills', sick);
    await until('it is back', async () => (await clusterHosts(envoy, `outbound|80||${PANICS}`)).size === 2);
  });

  test('`leaveOut` takes it from Envoy without a restart, and `send` gives it back; Envoy has rejected nothing', async () => {
    const sick = near[0] as CheckedInstance;
    await say('fail', 'orders', sick);
    await until('Envoy knows', async () => (await flags(sick)) === '/failed_eds_health');
    await bridge.configure(registries, { istio: { dir: 'istio.d' }, outputs: outputs('leaveOut') });
    await until('it is gone', async () => (await flags(sick)) === undefined);
    expect(await leftOut(HOST)).toEqual(['unhealthy at the registry']);
    expect([...(await answers(40)).keys()].sort()).toEqual(namesOf(near.slice(1)));
    const { items } = await bridge.get<{ items: readonly { code: string }[] }>('diagnostics');
    expect(items.filter(({ code }) => code === 'config.reload')).toEqual([]);
    await bridge.configure(registries, { istio: { dir: 'istio.d' }, outputs: outputs('send') });
    await until('it is there again', async () => (await flags(sick)) === '/failed_eds_health');
    await say('pass', 'orders', sick);
    await until('it is well', async () => (await flags(sick)) === 'healthy');
    expect(await rejectedOf(envoy)).toEqual({});
  }, 60_000);
});
