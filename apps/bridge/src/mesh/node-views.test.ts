import { setImmediate as nextTurn } from 'node:timers/promises';
import { fromBinary } from '@bufbuild/protobuf';
import { describe, expect, test } from '@jest/globals';
import { RouteConfigurationSchema } from '@isthmus/proto/envoy';
import { NOWHERE } from '@isthmus/model';
import type { Endpoint, MeshHost, MeshService, ServiceId } from '@isthmus/model';
import { parseIstioYaml } from '@isthmus/policy';
import type { IstioObject } from '@isthmus/proto/istio';
import { CLUSTER_TYPE, LISTENER_TYPE, ROUTE_TYPE } from '@isthmus/translate';
import type { NodeInfo, ResourceView, ViewChange } from '@isthmus/xds';
import { knownProxy } from './node-identity.ts';
import { NodeViews } from './node-views.ts';
import { openMesh } from './open-mesh.ts';
import { proxyOf } from './proxy-of.ts';
import type { Mesh } from './open-mesh.ts';

/** More than a group takes in one turn of the loop. */
const MANY = 150;

describe('a new group in a large mesh', () => {
  test('is not complete at first, and complete when it says so', async () => {
    const mesh = meshOf(MANY);
    const view = viewFor(mesh, 'shop');
    expect(view.ready).toBeDefined();
    await view.ready;
    expect(view.ready).toBeUndefined();
    expect(view.resources(CLUSTER_TYPE).size).toBe(MANY);
    expect(view.resources(ROUTE_TYPE).size).toBe(1);
  });

  test('has what changed while it was filled, routes included', async () => {
    const mesh = meshOf(MANY);
    const view = viewFor(mesh, 'shop');
    publish(mesh, 'late.mesh');
    unpublish(mesh, 's0.mesh');
    await view.ready;
    for (const _ of mesh.publisher.composeRoutes());
    expect(view.resources(CLUSTER_TYPE).has('outbound|80||late.mesh')).toBe(true);
    expect(view.resources(CLUSTER_TYPE).has('outbound|80||s0.mesh')).toBe(false);
    expect(view.version(ROUTE_TYPE)).toBe(viewFor(mesh, 'isthmus').version(ROUTE_TYPE));
  });

  test.each([1, MANY])(
    'that is asked for while rules are taken shows none of them before all, with %d services',
    async (services) => {
      const mesh = meshOf(services);
      mesh.publisher.queueRules(RULES.map((after) => ({ before: undefined, after })));
      const applying = mesh.publisher.applyRules();
      for (let step = 0; step < RULES.length / 2; step += 1) applying.next();
      const view = viewFor(mesh, 'shop');
      const seen = new Set([rulesIn(view)]);
      view.subscribe(() => seen.add(rulesIn(view)));
      for (const _ of applying) {
        mesh.publisher.commit();
        await nextTurn(); // what fills the group gets its turns in between
        seen.add(rulesIn(view));
      }
      await view.ready;
      for (const _ of mesh.publisher.composeRoutes());
      seen.add(rulesIn(view));
      expect([...seen]).toEqual([0, RULES.length]);
    },
  );

  test('that was being put together while rules came shows all of them or none', async () => {
    const mesh = meshOf(MANY);
    const view = viewFor(mesh, 'shop');
    const seen = new Set<number>();
    view.subscribe(() => seen.add(rulesIn(view)));
    mesh.publisher.queueRules(RULES.map((after) => ({ before: undefined, after })));
    for (const _ of mesh.publisher.applyRules()) await nextTurn();
    await view.ready;
    for (const _ of mesh.publisher.composeRoutes());
    expect([...seen, rulesIn(view)].filter((rules) => rules !== 0 && rules !== RULES.length)).toEqual([]);
    expect(rulesIn(view)).toBe(RULES.length);
  });

  test('of a node that moves there takes over only when it is complete', async () => {
    const mesh = meshOf(MANY);
    const view = viewFor(mesh, 'isthmus', { app: 'web' });
    await view.ready;
    const gone: string[] = [];
    const changes: ViewChange[] = [];
    view.subscribe((change) => {
      changes.push(change);
      gone.push(...(change.removed.get(CLUSTER_TYPE)?.keys() ?? []));
    });
    mesh.publisher.queueRules([{ before: undefined, after: SIDECAR }]);
    for (const _ of mesh.publisher.applyRules());
    expect(gone).toEqual([]);
    await view.ready;
    expect(view.resources(CLUSTER_TYPE).has('outbound|80||s1.mesh')).toBe(true);
    expect([...view.resources(CLUSTER_TYPE).keys()]).toEqual(['outbound|80||s1.mesh']);
    expect(changes).toHaveLength(1); // moved in one change, so that a stream can order it
  });
});

test('nodes that say the same of themselves get one object, for whatever is kept per view', () => {
  const mesh = meshOf(1);
  expect(viewFor(mesh, 'shop')).toBe(viewFor(mesh, 'shop'));
  expect(viewFor(mesh, 'other')).not.toBe(viewFor(mesh, 'shop'));
});

test('a node that asks for its egress listener gets it, over what all have', () => {
  const mesh = meshOf(1);
  const node: NodeInfo = { id: 'web', cluster: '', metadata: { HTTP_PROXY_PORT: '15004' }, userAgent: '' };
  const view = mesh.views.viewFor(node) as ResourceView;
  expect([...view.resources(LISTENER_TYPE).keys()]).toEqual(['127.0.0.1_15004']);
  expect(view.resources(CLUSTER_TYPE)).toBe(mesh.publisher.store.resources(CLUSTER_TYPE));
});

describe('a node whose address a registry knows', () => {
  const at = (address: string, labels: Readonly<Record<string, string>> = {}, interception = 'REDIRECT'): NodeInfo => ({
    id: `sidecar~${address}~web-1.isthmus~isthmus.svc.cluster.local`,
    cluster: '',
    metadata: { LABELS: labels, INTERCEPTION_MODE: interception },
    userAgent: '',
    locality: { region: 'said', zone: '', subzone: '' },
  });
  const seen = (view: ResourceView): readonly string[] =>
    [...view.resources(CLUSTER_TYPE).keys()].filter((name) => name.startsWith('outbound|')).sort();
  const NARROW = ['outbound|80||s1.mesh'];
  const meshWithRule = (): Mesh => {
    const mesh = meshOf(3);
    mesh.publisher.queueRules([{ before: undefined, after: SIDECAR }]); // for app: web, only s1.mesh
    for (const _ of mesh.publisher.applyRules());
    return mesh;
  };

  test.each(['REDIRECT', ''])('has the labels of the instance there, whatever it says of itself (mode %p)', (mode) => {
    const mesh = meshWithRule();
    publish(mesh, 'web.mesh', { address: '10.0.0.7', labels: { app: 'web' } });
    expect(seen(viewOf(mesh, at('10.0.0.7', { app: 'other' }, mode)))).toEqual(NARROW);
    expect(seen(viewOf(mesh, at('10.0.0.8', { app: 'other' }, mode)))).toHaveLength(4);
  });

  test('moves to another group when the instance changes, and back when it goes', () => {
    const mesh = meshWithRule();
    publish(mesh, 'web.mesh', { address: '10.0.0.7', labels: { app: 'other' } });
    const view = viewOf(mesh, at('10.0.0.7', { app: 'web' }));
    expect(seen(view)).toHaveLength(4);
    publish(mesh, 'web.mesh', { address: '10.0.0.7', labels: { app: 'web' } });
    expect(seen(view)).toEqual(NARROW);
    publish(mesh, 'web.mesh', { address: '10.0.0.7', labels: { app: 'other' } });
    expect(seen(view)).toHaveLength(4);
    unpublish(mesh, 'web.mesh');
    expect(seen(view)).toEqual(NARROW); // nobody knows better than itself
  });

  test('is known by no loopback address, which others have too', () => {
    const mesh = meshWithRule();
    publish(mesh, 'web.mesh', { address: '127.0.0.1', labels: { app: 'web' } });
    expect(seen(viewOf(mesh, at('127.0.0.1', { app: 'other' })))).toHaveLength(4);
  });

  test('is not known by an instance of another namespace', () => {
    const mesh = meshWithRule();
    mesh.publisher.publish('web.mesh' as MeshHost, {
      ...service('web.mesh', { address: '10.0.0.7', labels: { app: 'web' } }),
      namespace: 'x',
    });
    expect(seen(viewOf(mesh, at('10.0.0.7', { app: 'other' })))).toHaveLength(4);
  });

  test('is where the instance is', () => {
    const claimed = proxyOf(at('10.0.0.7'), { namespace: 'isthmus', domain: 'cluster.local' });
    if ('refused' in claimed) throw new Error(claimed.refused);
    const mesh = meshOf(0);
    publish(mesh, 'web.mesh', { address: '10.0.0.7', labels: {}, region: 'known' });
    expect(knownProxy(claimed, ['10.0.0.7'], mesh.publisher.services).locality.region).toBe('known');
    publish(mesh, 'web.mesh', { address: '10.0.0.7', labels: {} });
    expect(knownProxy(claimed, ['10.0.0.7'], mesh.publisher.services).locality.region).toBe('said');
  });
});

test('nodes without streams are forgotten when there are many', () => {
  const mesh = meshOf(1);
  const end = viewFor(mesh, 'kept').subscribe(() => undefined);
  const kept = viewFor(mesh, 'kept');
  const left = viewFor(mesh, 'left');
  for (let n = 0; n < 200; n += 1) viewFor(mesh, `n${n}`);
  expect(viewFor(mesh, 'kept')).toBe(kept);
  expect(viewFor(mesh, 'left')).not.toBe(left);
  end();
});

test('a group that nobody is in any more is forgotten after a minute, and made again when somebody comes', () => {
  const mesh = meshOf(1);
  const timers: { readonly ms: number; readonly run: () => void }[] = [];
  const views = new NodeViews(mesh.publisher, { namespace: 'isthmus', domain: 'cluster.local' }, (ms, run) =>
    timers.push({ ms, run }),
  );
  const at = (namespace: string): ResourceView =>
    views.viewFor({ id: 'web', cluster: '', metadata: { NAMESPACE: namespace }, userAgent: '' }) as ResourceView;
  const [gone, back, stays] = [at('gone'), at('back'), at('stays')];
  const ends = [gone, back, stays].map((view) => view.subscribe(() => undefined));
  ends[0]?.();
  ends[1]?.();
  expect(timers.map(({ ms }) => ms)).toEqual([60_000]);
  back.subscribe(() => undefined);
  timers[0]?.run();
  expect(at('stays')).toBe(stays);
  expect(at('back')).toBe(back);
  expect(at('gone')).not.toBe(gone);
  publish(mesh, 'new.mesh');
  expect(gone.resources(CLUSTER_TYPE).has('outbound|80||new.mesh')).toBe(false); // nothing is translated for it any more
  expect(at('gone').resources(CLUSTER_TYPE).has('outbound|80||new.mesh')).toBe(true);
});

describe('kinds of proxies of which nobody is connected any more', () => {
  const change = (mesh: Mesh, n: number): number => {
    let steps = 0;
    const [before, after] = [RULES[n], RULES[n + 1]];
    mesh.publisher.queueRules([
      { before: undefined, after: before },
      { before, after },
    ]);
    for (const _ of mesh.publisher.applyRules()) steps += 1;
    publish(mesh, `new-${n}.mesh`);
    for (const _ of mesh.publisher.composeRoutes()) steps += 1;
    return steps;
  };

  test('cost a change no translation, however many there are', () => {
    const [alone, left] = [meshOf(3), meshOf(3)];
    const gone = Array.from({ length: 8 }, (_, n) => viewFor(left, `gone-${n}`));
    for (const view of gone) view.subscribe(() => undefined)();
    const before = gone.map(({ revision }) => revision);
    for (let n = 0; n < 5; n += 1) expect(change(left, n)).toBe(change(alone, n));
    expect(gone.map(({ revision }) => revision)).toEqual(before);
  });

  test.each([1, MANY])('are up to date for who comes back, after %d changes', async (changes) => {
    const mesh = meshOf(3);
    const view = viewFor(mesh, 'gone');
    view.subscribe(() => undefined)();
    for (let n = 0; n < changes; n += 1) publish(mesh, `later-${n}.mesh`);
    unpublish(mesh, 's0.mesh');
    change(mesh, 0);
    const again = viewFor(mesh, 'gone');
    expect(again).toBe(view);
    again.subscribe(() => undefined);
    expect(again.ready === undefined).toBe(changes === 1);
    const fresh = viewFor(mesh, 'new');
    await Promise.all([again.ready, fresh.ready]);
    for (const type of [CLUSTER_TYPE, LISTENER_TYPE, ROUTE_TYPE]) expect(again.version(type)).toBe(fresh.version(type));
    publish(mesh, 'last.mesh');
    expect(again.resources(CLUSTER_TYPE).has('outbound|80||last.mesh')).toBe(true);
  });

  test('who leaves while a kind is being filled, and comes back, has all of it', async () => {
    const mesh = meshOf(MANY);
    const view = viewFor(mesh, 'gone');
    view.subscribe(() => undefined)();
    publish(mesh, 'new.mesh');
    await view.ready;
    publish(mesh, 'newer.mesh');
    expect(view.resources(CLUSTER_TYPE).has('outbound|80||newer.mesh')).toBe(false);
    for (const _ of mesh.publisher.composeRoutes());
    const again = viewFor(mesh, 'gone');
    await again.ready;
    expect(again.resources(CLUSTER_TYPE).size).toBe(MANY + 2);
    expect(again.version(ROUTE_TYPE)).toBe(mesh.publisher.store.version(ROUTE_TYPE));
  });
});

function meshOf(services: number): Mesh {
  const mesh = openMesh();
  for (let n = 0; n < services; n += 1) publish(mesh, `s${n}.mesh`);
  for (const _ of mesh.publisher.composeRoutes());
  return mesh;
}

interface Instance {
  readonly address: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly region?: string;
}

function publish(mesh: Mesh, host: string, instance?: Instance): void {
  mesh.publisher.publish(host as MeshHost, service(host, instance));
  mesh.publisher.commit();
}

function unpublish(mesh: Mesh, host: string): void {
  mesh.publisher.publish(host as MeshHost, undefined);
  mesh.publisher.commit();
}

function viewFor(mesh: Mesh, namespace: string, labels: Readonly<Record<string, string>> = {}): ResourceView {
  const metadata = { NAMESPACE: namespace, LABELS: labels };
  return viewOf(mesh, { id: 'web', cluster: '', metadata, userAgent: '' });
}

function viewOf(mesh: Mesh, node: NodeInfo): ResourceView {
  const view = mesh.views.viewFor(node);
  if ('refused' in view) throw new Error(view.refused);
  return view;
}

function service(host: string, instance?: Instance): MeshService {
  const origin = `shop/public/DEFAULT_GROUP/${host}` as ServiceId;
  const endpoints = instance === undefined ? [] : [{ origin, portName: 'http-80', endpoint: endpointOf(instance) }];
  return {
    host: host as MeshHost,
    namespace: 'isthmus',
    resolution: 'static',
    ports: [{ number: 80, name: 'http-80', protocol: 'http' }],
    endpoints,
    origins: [origin],
    vip: undefined,
    diagnostics: [],
  };
}

const RULES = Array.from({ length: 40 }, (_, n) => {
  const text = `{ apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: { name: rule-${n}, namespace: isthmus },
    spec: { hosts: [rule-${n}.example], http: [{ directResponse: { status: 200 } }] } }`;
  return parseIstioYaml(text, { file: 'rules.yaml', defaultNamespace: 'isthmus' }).objects[0] as IstioObject;
});

/** How many of RULES are in the routes that a node is served. */
function rulesIn(view: ResourceView): number {
  const route = view.resources(ROUTE_TYPE).get('http_proxy');
  if (route === undefined) return 0;
  return fromBinary(RouteConfigurationSchema, route.bytes).virtualHosts.filter(({ name }) => name.startsWith('rule-')).length;
}

const SIDECAR = parseIstioYaml(
  `{ apiVersion: networking.istio.io/v1, kind: Sidecar, metadata: { name: narrow, namespace: isthmus },
     spec: { workloadSelector: { labels: { app: web } }, egress: [{ hosts: ['*/s1.mesh'] }] } }`,
  { file: 'rules.yaml', defaultNamespace: 'isthmus' },
).objects[0] as IstioObject;

function endpointOf({ address, labels, region = '' }: Instance): Endpoint {
  return {
    instanceId: address,
    address,
    addressType: 'ip',
    port: 80,
    protocol: 'http',
    weight: 1,
    health: 'healthy',
    locality: { ...NOWHERE, region },
    labels,
    metadata: {},
    cluster: '',
    network: '',
    identity: '',
  };
}
