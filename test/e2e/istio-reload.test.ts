import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import type { DiagnosticList } from '@isthmus/contract';
import { until } from '@isthmus/model/testing';
import type { EnvoyServer } from '@isthmus/servers';
import { Backend } from './support/backend.ts';
import { BridgeProcess } from './support/bridge.ts';
import { callEgress } from './support/egress.ts';
import { rejectedOf, startSidecar } from './support/envoy.ts';
import { serviceEntry } from './support/service-entry.ts';

jest.setTimeout(120_000);

const HOST = 'orders.shop.svc.cluster.local';
const REGISTRIES = [{ name: 'nothing', kind: 'file', path: 'services.yaml' }];

let bridge: BridgeProcess;
let envoy: EnvoyServer<'egress'>;
let backend: Backend;

beforeAll(async () => {
  backend = await Backend.start('orders-1');
  bridge = await BridgeProcess.prepare(REGISTRIES, { istio: { dir: 'blue.d' } });
  await writeFile(join(bridge.directory, 'services.yaml'), 'services: []\n');
  for (const colour of ['blue', 'green']) {
    await mkdir(join(bridge.directory, `${colour}.d`));
    const rule = `---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: orders, namespace: shop }
spec:
  hosts: [${HOST}]
  http: [{ headers: { request: { set: { x-colour: ${colour} } } }, route: [{ destination: { host: ${HOST} } }] }]
`;
    await writeFile(
      join(bridge.directory, `${colour}.d/orders.yaml`),
      `${serviceEntry('orders', 80, 'http', backend.port)}${rule}`,
    );
  }
  await bridge.run();
  envoy = await startSidecar(bridge.ports.xds, 'DELTA_GRPC');
});

afterAll(async () => {
  await envoy?.stop();
  await bridge?.close();
  await backend?.stop();
});

test('another `istio.dir` and other options of the mesh reach Envoy without a restart, and no call fails meanwhile', async () => {
  let colour: unknown;
  backend.onCall = (headers) => (colour = headers['x-colour']);
  const call = async (): Promise<void> => {
    const { status, body } = await callEgress(envoy.ports.egress, HOST);
    if (started) expect([status, body]).toEqual([200, backend.name]);
  };
  let started = false;
  await until('it is called by the first rule', async () => {
    await call();
    return colour === 'blue';
  });
  started = true;

  await bridge.configure(REGISTRIES, { istio: { dir: 'green.d', connectTimeout: '3s' } });
  await until('by the second', async () => {
    await call();
    return colour === 'green';
  });
  const dump = async () =>
    (await fetch(`http://127.0.0.1:${envoy.ports.admin}/config_dump?resource=dynamic_active_clusters`)).text();
  await until('the cluster is as the options say', async () => {
    await call();
    return /"connect_timeout": "3s"/.test(await dump());
  });
  for (let n = 0; n < 50; n += 1) await call();
  expect(colour).toBe('green');
  expect(await rejectedOf(envoy)).toEqual({});
  const { items } = await bridge.get<DiagnosticList>('diagnostics');
  expect(items.filter(({ code }) => code === 'config.reload')).toEqual([]);
});
