import { tmpdir } from 'node:os';
import type { ProxyList } from '@isthmus/contract';
import { until } from '@isthmus/model/testing';
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { freePorts, startEnvoy } from '@isthmus/servers';
import type { EnvoyServer } from '@isthmus/servers';
import { ROUTE_TYPE } from '@isthmus/translate';
import { stringify } from 'yaml';
import { Backend } from './support/backend.ts';
import { startCli } from './support/cli.ts';
import { callEgress } from './support/egress.ts';
import { startSidecar } from './support/envoy.ts';
import { istioObject, serviceEntry } from './support/istio-files.ts';
import { RulesBridge } from './support/rules-bridge.ts';

jest.setTimeout(120_000);

const HOST = 'orders.mesh';
const TOLD = 'sidecar~127.0.0.1~told.default~default.svc.cluster.local';
const PLAIN = 'sidecar~127.0.0.1~plain.default~default.svc.cluster.local';

let backend: Backend;
let bridge: RulesBridge;
let told: EnvoyServer;
let egress: number;
/** Made without `proxy bootstrap`: it takes regular expressions of 100 steps at most. */
let plain: EnvoyServer<'egress'>;

beforeAll(async () => {
  backend = await Backend.start('orders');
  bridge = await RulesBridge.start({
    'orders.yaml': stringify(serviceEntry(HOST, [{ name: 'v1', address: '127.0.0.1', port: backend.port }])),
  });
  const [admin = 0, metrics = 0, door = 0] = await freePorts(3);
  egress = door;
  const at = (port: number): string => `127.0.0.1:${port}`;
  const own = ['--admin', at(admin), '--metrics', at(metrics), '--egress', at(egress)];
  const { stdout } = await startCli(['proxy', 'bootstrap', '--node', TOLD, '--xds', at(bridge.xds), ...own], { cwd: tmpdir() })
    .ended;
  told = await startEnvoy({ bootstrap: stdout, ports: { admin }, readyWhen: 'live' });
  plain = await startSidecar(bridge.xds, 'DELTA_GRPC', 'plain');
  for (const port of [egress, plain.ports.egress])
    await until('calls arrive', async () => (await callEgress(port, HOST)).status === 200);
}, 180_000);

afterAll(async () => {
  await plain?.stop();
  await told?.stop();
  await bridge?.close();
  await backend?.stop();
}, 60_000);

/** Fifty of them are more than 100 steps for RE2, and fewer than Istio's 1,024 bytes. */
const codes = (status: number, count: number): string => {
  const regex = Array.from({ length: count }, (_, n) => `/[a-z]${n}[0-9]{3}x+`).join('|');
  const answer = { match: [{ uri: { regex } }], directResponse: { status } };
  return stringify(
    istioObject('VirtualService', 'orders', { hosts: [HOST], http: [answer, { route: [{ destination: { host: HOST } }] }] }),
  );
};

const nackOf = async (node: string) =>
  (await bridge.bridge.get<ProxyList>('proxies')).items
    .find((proxy) => proxy.node === node)
    ?.types.find(({ type }) => type === ROUTE_TYPE)?.nack;

test('what one proxy refuses is told in its own words, costs it nothing that it had, and the others have it', async () => {
  await bridge.give('codes.yaml', codes(418, 50));
  await until(
    'who has the limit of the bootstrap goes by it',
    async () => (await callEgress(egress, HOST, {}, '/c49999x')).status === 418,
  );
  await until('the other has said no', async () => (await nackOf(PLAIN)) !== undefined);
  expect(await nackOf(PLAIN)).toMatchObject({
    message: expect.stringMatching(/RE2 program size of \d+ > max program size of 100/),
  });
  expect(await nackOf(TOLD)).toBeUndefined();
  expect(await callEgress(plain.ports.egress, HOST, {}, '/c49999x')).toEqual({ status: 200, body: 'orders' });
  const { stdout } = await startCli(['proxy', 'status', PLAIN, '--control', bridge.control], { cwd: tmpdir() }).ended;
  expect(stdout).toContain('max program size of 100');
});

test('a host that comes later waits for the rule to be mended, and then all is well', async () => {
  await bridge.give(
    'other.yaml',
    stringify(serviceEntry('other.mesh', [{ name: 'v1', address: '127.0.0.1', port: backend.port }])),
  );
  await until('the one that takes all has the other host', async () => (await callEgress(egress, 'other.mesh')).status === 200);
  expect((await callEgress(plain.ports.egress, 'other.mesh')).status).toBe(502);
  expect((await callEgress(plain.ports.egress, HOST)).status).toBe(200);
  await bridge.give('codes.yaml', codes(410, 7));
  for (const port of [egress, plain.ports.egress])
    await until('both go by the shorter rule', async () => (await callEgress(port, HOST, {}, '/c6999x')).status === 410);
  expect((await callEgress(plain.ports.egress, 'other.mesh')).status).toBe(200);
  await until('nothing is refused any more', async () => (await nackOf(PLAIN)) === undefined);
});
