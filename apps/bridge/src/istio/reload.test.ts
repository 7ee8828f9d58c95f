import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fromBinary } from '@bufbuild/protobuf';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { parseConfig } from '@isthmus/config';
import { FileLedger } from '@isthmus/ledger';
import { until } from '@isthmus/model/testing';
import { ClusterSchema, RouteConfigurationSchema } from '@isthmus/proto/envoy';
import { CLUSTER_TYPE, ROUTE_TYPE } from '@isthmus/translate';
import type { ResourceView } from '@isthmus/xds';
import { Engine } from '../engine/engine.ts';
import { registryKinds } from '../registries.ts';

const CLUSTER = 'outbound|80||api.example.com';

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

function node(): ResourceView {
  const view = engine.mesh.views.viewFor({
    id: 'sidecar~10.0.0.9~web.shop~shop.svc.cluster.local',
    cluster: 'web',
    metadata: { NAMESPACE: 'shop', INTERCEPTION_MODE: 'REDIRECT', INSTANCE_IPS: '10.0.0.9' },
    userAgent: 'envoy 1.40.0',
  });
  if ('refused' in view) throw new Error(view.refused);
  return view;
}

function connectTimeout(view: Pick<ResourceView, 'resources'>, name = CLUSTER): number | undefined {
  const cluster = view.resources(CLUSTER_TYPE).get(name);
  return cluster && Number(fromBinary(ClusterSchema, cluster.bytes).connectTimeout?.seconds);
}

function timeout(view: Pick<ResourceView, 'resources'>, service = 'api.example.com'): number | undefined {
  const route = view.resources(ROUTE_TYPE).get('80');
  const hosts = route && fromBinary(RouteConfigurationSchema, route.bytes).virtualHosts;
  const action = hosts?.find(({ name }) => name.startsWith(service))?.routes[0]?.action;
  return action?.case === 'route' ? Number(action.value.timeout?.seconds) : undefined;
}

const reloads = (): readonly string[] =>
  [...engine.diagnostics].filter(({ code }) => code === 'config.reload').map(({ what }) => what);

test('options of the mesh count for nodes that are connected, without a restart, and nothing is taken away meanwhile', async () => {
  const view = node();
  await until('it is served', () => connectTimeout(view) === 10 && timeout(view) === 3);
  const lost = new Set<string>();
  view.subscribe(() => {
    if (connectTimeout(view) === undefined) lost.add('cluster');
    if (timeout(view) === undefined) lost.add('route');
  });
  await engine.reconfigure(config({ dir: 'a', connectTimeout: '3s', outboundTrafficPolicy: 'registry-only' }));
  await until('the new timeout', () => connectTimeout(view) === 3);
  await until('for everybody too', () => connectTimeout(engine.xds) === 3);
  expect([timeout(view), [...lost], reloads()]).toEqual([3, [], []]);
  expect(node()).toBe(view);

  await writeFile(join(directory, 'a/rules.yaml'), `${ENTRY}${rule('4s')}`);
  await until('rules are followed on', () => timeout(view) === 4);
  expect([connectTimeout(view), [...lost]]).toEqual([3, []]);
});

test('another directory takes the place of the first once it has been read; one that cannot be read takes nothing away', async () => {
  const view = node();
  await until('it is served', () => timeout(view) === 3);
  await engine.reconfigure(config({ dir: 'b' }));
  await until('it is said', () =>
    [...engine.diagnostics].some(({ code, where }) => code === 'istio.unreadable' && where.endsWith('/b')),
  );
  expect([timeout(view), reloads()]).toEqual([3, []]);

  await give('b', `${ENTRY}${rule('5s')}`);
  await until('its rules', () => timeout(view) === 5);
  await until('nothing is wrong', () => [...engine.diagnostics].length === 0);
  await writeFile(join(directory, 'a/rules.yaml'), `${ENTRY}${rule('6s')}`);
  await writeFile(join(directory, 'b/rules.yaml'), `${ENTRY}${rule('7s')}`);
  await until('only the new one is followed', () => timeout(view) === 7);

  await engine.reconfigure(config({}));
  await until('without rules', () => connectTimeout(view) === undefined);
  expect([[...engine.istio.store.objects()].length, reloads()]).toEqual([0, []]);
});

test('what names end in takes a restart, and that is said until it is set back; all else of the change counts', async () => {
  const short = rule('3s').replaceAll('api.example.com', 'api');
  await writeFile(join(directory, 'a/rules.yaml'), `${ENTRY.replace('api.example.com', 'api.shop.svc.cluster.local')}${short}`);
  const view = node();
  const seconds = () => timeout(view, 'api.shop.svc.cluster.local');
  await until('it is served by its short name', () => seconds() === 3);
  await engine.reconfigure(config({ dir: 'a', domain: 'mesh.example', connectTimeout: '4s' }));
  const stays = 'istio.domain is "mesh.example" now, and stays "cluster.local" in the bridge that runs';
  expect(reloads()).toEqual([stays]);
  const host = 'outbound|80||api.shop.svc.cluster.local';
  await until('the other change', () => connectTimeout(view, host) === 4);
  expect([seconds(), engine.config.istio.domain]).toEqual([3, 'cluster.local']);

  await engine.reconfigure(config({ dir: 'a', domain: 'mesh.example', connectTimeout: '5s' }));
  await until('another change', () => connectTimeout(view, host) === 5);
  expect([seconds(), reloads()]).toEqual([3, [stays]]);

  await engine.reconfigure(config({ dir: 'a', connectTimeout: '5s' }));
  expect(reloads()).toEqual([]);
});
