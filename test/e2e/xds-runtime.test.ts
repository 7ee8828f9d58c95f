import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { fromBinary, toJson } from '@bufbuild/protobuf';
import type { ProxyList } from '@isthmus/contract';
import { until } from '@isthmus/model/testing';
import { RuntimeSchema } from '@isthmus/proto/envoy';
import { RTDS } from '@isthmus/xds';
import { deltaClient } from '@isthmus/xds/testing';
import type { DeltaClient } from '@isthmus/xds/testing';
import { freePorts } from '@isthmus/servers';
import { BridgeProcess } from './support/bridge.ts';

let bridge: BridgeProcess;
let registries: object[];
const clients: DeltaClient[] = [];

beforeAll(async () => {
  const [nobody = 0] = await freePorts(1);
  registries = [{ name: 'gone', kind: 'eureka', servers: [`http://127.0.0.1:${nobody}/eureka`] }];
  bridge = await BridgeProcess.prepare(registries);
  await configure({ 'shop.share': 5 });
  await bridge.run();
}, 120_000);

afterAll(async () => {
  for (const client of clients) client.close();
  await bridge?.close();
});

function configure(ops: Record<string, unknown>): Promise<void> {
  const xds = { listen: `127.0.0.1:${bridge.ports.xds}`, runtime: { ops } };
  return bridge.configure(registries, { outputs: { xds }, readiness: { maxWait: '0s' } });
}

function connect(): DeltaClient {
  const client = deltaClient({ port: bridge.ports.xds });
  clients.push(client);
  return client;
}

test('a layer of the runtime reaches proxies, and so does a change of the config, without a restart', async () => {
  const client = connect();
  client.send({ node: { id: 'web' }, typeUrl: RTDS, resourceNamesSubscribe: ['ops'] });
  const layer = async (): Promise<unknown> => {
    const { resources, nonce } = await client.next(30_000);
    client.send({ typeUrl: RTDS, responseNonce: nonce });
    return resources.map(({ resource }) => toJson(RuntimeSchema, fromBinary(RuntimeSchema, resource!.value)));
  };
  expect(await layer()).toEqual([{ name: 'ops', layer: { 'shop.share': 5 } }]);
  await configure({ 'shop.share': { numerator: 7, denominator: 'HUNDRED' } });
  expect(await layer()).toEqual([{ name: 'ops', layer: { 'shop.share': { numerator: 7, denominator: 'HUNDRED' } } }]);
  const { items } = await bridge.get<{ items: { code: string }[] }>('diagnostics');
  expect(items.filter(({ code }) => code === 'config.reload')).toEqual([]);
});

test('who is turned away is listed with the reason, and counted', async () => {
  const bad = connect();
  bad.send({ node: { id: 'web\u001b[2J' }, typeUrl: RTDS });
  await bad.ended;
  const rejected = async () => (await bridge.get<ProxyList>('proxies')).rejected;
  await until('it is listed', async () => (await rejected()).length === 1);
  expect(await rejected()).toMatchObject([{ node: '', code: 'INVALID_ARGUMENT', count: 1 }]);
  const metrics = await (await fetch(`http://127.0.0.1:${bridge.ports.control}/metrics`)).text();
  expect(metrics).toMatch(/xds_refused_total\{.*code="INVALID_ARGUMENT".*\} 1/);
});
