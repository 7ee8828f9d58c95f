import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { parseConfig } from '@isthmus/config';
import { FileLedger } from '@isthmus/ledger';
import { until } from '@isthmus/model/testing';
import { Engine } from '../engine/engine.ts';
import { registryKinds } from '../registries.ts';
import { connectTimeout, routeTimeout, sidecarOf } from './testing/rules-view.ts';

const HOST = 'api.example.com';

const ENTRY = `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: api, namespace: shop }
spec:
  hosts: [api.example.com]
  ports: [{ number: 80, name: http, protocol: HTTP }]
  resolution: STATIC
  endpoints: [{ address: 10.0.0.1 }]
`;
const rule = (timeout: string): string => `---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: api, namespace: shop }
spec:
  hosts: [api.example.com]
  http: [{ timeout: ${timeout}, route: [{ destination: { host: api.example.com } }] }]
`;

let directory: string;
let engine: Engine;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'istio-reload-'));
  await writeFile(join(directory, 'services.yaml'), 'services: []\n');
  await give('a', `${ENTRY}${rule('3s')}`);
  engine = new Engine(config({ dir: 'a' }), await FileLedger.open(join(directory, 'ledger')));
  engine.start();
  await engine.readiness.ready;
});

afterEach(async () => {
  await engine.stop();
  await rm(directory, { recursive: true });
});

async function give(dir: string, text: string): Promise<void> {
  await mkdir(join(directory, dir));
  await writeFile(join(directory, dir, 'rules.yaml'), text);
}

function config(istio: object) {
  const registries = [{ name: 'fixed', kind: 'file', path: 'services.yaml' }];
  const text = JSON.stringify({ version: 1, meshId: 'shop', registries, istio });
  const parsed = parseConfig(join(directory, 'isthmus.yaml'), new TextEncoder().encode(text), { kinds: registryKinds });
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  return parsed.config;
}

const node = () => sidecarOf(engine);

const reloads = (): readonly string[] =>
  [...engine.diagnostics].filter(({ code }) => code === 'config.reload').map(({ what }) => what);

test('options of the mesh count for nodes that are connected, without a restart, and nothing is taken away meanwhile', async () => {
  const view = node();
  await until('it is served', () => connectTimeout(view, HOST) === 10 && routeTimeout(view, HOST) === 3);
  const lost = new Set<string>();
  view.subscribe(() => {
    if (connectTimeout(view, HOST) === undefined) lost.add('cluster');
    if (routeTimeout(view, HOST) === undefined) lost.add('route');
  });
  await engine.reconfigure(config({ dir: 'a', connectTimeout: '3s', outboundTrafficPolicy: 'registry-only' }));
  await until('the new timeout', () => connectTimeout(view, HOST) === 3);
  await until('for everybody too', () => connectTimeout(engine.xds, HOST) === 3);
  expect([routeTimeout(view, HOST), [...lost], reloads()]).toEqual([3, [], []]);
  expect(node()).toBe(view);

  await writeFile(join(directory, 'a/rules.yaml'), `${ENTRY}${rule('4s')}`);
  await until('rules are followed on', () => routeTimeout(view, HOST) === 4);
  expect([connectTimeout(view, HOST), [...lost]]).toEqual([3, []]);
});

test('another directory takes the place of the first once it has been read; one that cannot be read takes nothing away', async () => {
  const view = node();
  await until('it is served', () => routeTimeout(view, HOST) === 3);
  await engine.reconfigure(config({ dir: 'b' }));
  await until('it is said', () =>
    [...engine.diagnostics].some(({ code, where }) => code === 'istio.unreadable' && where.endsWith('/b')),
  );
  expect([routeTimeout(view, HOST), reloads()]).toEqual([3, []]);

  await give('b', `${ENTRY}${rule('5s')}`);
  await until('its rules', () => routeTimeout(view, HOST) === 5);
  await until('nothing is wrong', () => [...engine.diagnostics].length === 0);
  await writeFile(join(directory, 'a/rules.yaml'), `${ENTRY}${rule('6s')}`);
  await writeFile(join(directory, 'b/rules.yaml'), `${ENTRY}${rule('7s')}`);
  await until('only the new one is followed', () => routeTimeout(view, HOST) === 7);

  await engine.reconfigure(config({}));
  await until('without rules', () => connectTimeout(view, HOST) === undefined);
  expect([[...engine.istio.store.objects()].length, reloads()]).toEqual([0, []]);
});

test('what names end in takes a restart, and that is said until it is set back; all else of the change counts', async () => {
  const host = 'api.shop.svc.cluster.local';
  const short = rule('3s').replaceAll('api.example.com', 'api');
  await writeFile(join(directory, 'a/rules.yaml'), `${ENTRY.replace('api.example.com', host)}${short}`);
  const view = node();
  const seconds = () => routeTimeout(view, host);
  await until('it is served by its short name', () => seconds() === 3);
  await engine.reconfigure(config({ dir: 'a', domain: 'mesh.example', connectTimeout: '4s' }));
  const stays = 'istio.domain is "mesh.example" now, and stays "cluster.local" in the bridge that runs';
  expect(reloads()).toEqual([stays]);
  await until('the other change', () => connectTimeout(view, host) === 4);
  expect([seconds(), engine.config.istio.domain]).toEqual([3, 'cluster.local']);

  await engine.reconfigure(config({ dir: 'a', domain: 'mesh.example', connectTimeout: '5s' }));
  await until('another change', () => connectTimeout(view, host) === 5);
  expect([seconds(), reloads()]).toEqual([3, [stays]]);

  await engine.reconfigure(config({ dir: 'a', connectTimeout: '5s' }));
  expect(reloads()).toEqual([]);
});
