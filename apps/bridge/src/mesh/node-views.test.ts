import { describe, expect, test } from '@jest/globals';
import { CLUSTER_TYPE, LISTENER_TYPE } from '@isthmus/translate';
import type { NodeInfo, ResourceView } from '@isthmus/xds';
import { knownProxy } from './node-identity.ts';
import { proxyOf } from './proxy-of.ts';
import type { Mesh } from './open-mesh.ts';
import { SIDECAR, meshOf, publish, unpublish, viewFor, viewOf } from './testing/mesh-of-services.ts';

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
    publish(mesh, 'web.mesh', { address: '10.0.0.7', labels: { app: 'web' } }, 'x');
    expect(seen(viewOf(mesh, at('10.0.0.7', { app: 'other' })))).toHaveLength(4);
  });

  test('is where the instance is', () => {
    const claimed = proxyOf(at('10.0.0.7'), { namespace: 'isthmus', domain: 'cluster.local' });
    if ('refused' in claimed) throw new Error(claimed.refused);
    const mesh = meshOf(0);
    publish(mesh, 'web.mesh', { address: '10.0.0.7', labels: {}, locality: { region: 'known' } });
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
