import { isDeepStrictEqual } from 'node:util';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import type { MeshHost } from '@isthmus/model';
import { until } from '@isthmus/model/testing';
import type { Engine } from '../engine/engine.ts';
import { ENTRY, HOST, IstioWorld, entryWith, rule } from './testing/istio-world.ts';
import { connectTimeout, routeTimeout, sidecarOf } from './testing/rules-view.ts';

let world: IstioWorld;
let engine: Engine;

beforeEach(async () => {
  world = await IstioWorld.open();
  await world.write('a/rules.yaml', entryWith('3s'));
  engine = await world.start({ dir: 'a' });
  await engine.readiness.ready;
});

afterEach(() => world.close());

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
  await engine.reconfigure(world.config({ dir: 'a', connectTimeout: '3s', outboundTrafficPolicy: 'registry-only' }));
  await until('the new timeout', () => connectTimeout(view, HOST) === 3);
  await until('for everybody too', () => connectTimeout(engine.xds, HOST) === 3);
  expect([routeTimeout(view, HOST), [...lost], reloads()]).toEqual([3, [], []]);
  expect(node()).toBe(view);

  await world.write('a/rules.yaml', entryWith('4s'));
  await until('rules are followed on', () => routeTimeout(view, HOST) === 4);
  expect([connectTimeout(view, HOST), [...lost]]).toEqual([3, []]);
});

test('how often an instance came and went is known over a change of the config', async () => {
  const both = ENTRY.replace('[{ address: 10.0.0.1 }]', '[{ address: 10.0.0.1 }, { address: 10.0.0.2 }]');
  const says = async (entry: string, what: { readonly endpoints: number; readonly damped: number }) => {
    await world.write('a/rules.yaml', entry);
    const seen = () => ({
      endpoints: engine.catalog.merged(HOST as MeshHost)?.endpoints.length,
      damped: [...engine.catalog.scopes()].reduce((sum, { retained }) => sum + retained.flap, 0),
    });
    await until(JSON.stringify(what), () => isDeepStrictEqual(seen(), what));
  };
  await says(both, { endpoints: 2, damped: 0 });
  await says(ENTRY, { endpoints: 1, damped: 0 });
  await engine.reconfigure(world.config({ dir: 'a' }, { guard: { flap: { count: 2 } } }));
  await says(both, { endpoints: 2, damped: 0 });
  await says(ENTRY, { endpoints: 2, damped: 1 });
});

test('another directory takes the place of the first once it has been read; one that cannot be read takes nothing away', async () => {
  const view = node();
  await until('it is served', () => routeTimeout(view, HOST) === 3);
  await engine.reconfigure(world.config({ dir: 'b' }));
  await until('it is said', () =>
    [...engine.diagnostics].some(({ code, where }) => code === 'istio.unreadable' && where.endsWith('/b')),
  );
  expect([routeTimeout(view, HOST), reloads()]).toEqual([3, []]);

  await world.write('b/rules.yaml', entryWith('5s'));
  await until('its rules', () => routeTimeout(view, HOST) === 5);
  await until('nothing is wrong', () => [...engine.diagnostics].length === 0);
  await world.write('a/rules.yaml', entryWith('6s'));
  await world.write('b/rules.yaml', entryWith('7s'));
  await until('only the new one is followed', () => routeTimeout(view, HOST) === 7);

  await engine.reconfigure(world.config({}));
  await until('without rules', () => connectTimeout(view, HOST) === undefined);
  expect([[...engine.istio.store.objects()].length, reloads()]).toEqual([0, []]);
});

test('what names end in takes a restart, and that is said until it is set back; all else of the change counts', async () => {
  const host = 'api.shop.svc.cluster.local';
  const short = rule('3s').replaceAll(HOST, 'api');
  await world.write('a/rules.yaml', `${ENTRY.replace(HOST, host)}---\n${short}`);
  const view = node();
  const seconds = () => routeTimeout(view, host);
  await until('it is served by its short name', () => seconds() === 3);
  await engine.reconfigure(world.config({ dir: 'a', domain: 'mesh.example', connectTimeout: '4s' }));
  const stays = 'istio.domain is "mesh.example" now, and stays "cluster.local" in the bridge that runs';
  expect(reloads()).toEqual([stays]);
  await until('the other change', () => connectTimeout(view, host) === 4);
  expect([seconds(), engine.config.istio.domain]).toEqual([3, 'cluster.local']);

  await engine.reconfigure(world.config({ dir: 'a', domain: 'mesh.example', connectTimeout: '5s' }));
  await until('another change', () => connectTimeout(view, host) === 5);
  expect([seconds(), reloads()]).toEqual([3, [stays]]);

  await engine.reconfigure(world.config({ dir: 'a', connectTimeout: '5s' }));
  expect(reloads()).toEqual([]);
});

test('the name of the mesh takes a restart: what is published under it stays the bridge’s own', async () => {
  await engine.reconfigure({ ...world.config({ dir: 'a', connectTimeout: '4s' }), meshId: 'other' });
  const { meshId } = engine.config;
  expect([meshId, reloads()]).toEqual([
    world.config({}).meshId,
    [`meshId is "other" now, and stays "${meshId}" in the bridge that runs`],
  ]);
  await engine.reconfigure(world.config({ dir: 'a' }));
  expect(reloads()).toEqual([]);
});
