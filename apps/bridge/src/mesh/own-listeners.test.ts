import { expect, test } from '@jest/globals';
import { LISTENER_TYPE } from '@isthmus/translate';
import { meshService } from '@isthmus/translate/testing';
import type { ResourceView } from '@isthmus/xds';
import { openMesh } from './open-mesh.ts';
import type { Mesh } from './open-mesh.ts';

test('a workload that becomes an instance of a service without an address loses the listener at its own address, alone, and gets it back', () => {
  const mesh = openMesh();
  publish(mesh, ['10.0.0.8', '10.0.0.9']);
  const [first, second] = ['10.0.0.7', '10.0.0.8'].map((address) => viewOf(mesh, address)) as [ResourceView, ResourceView];
  expect([dialled(first), dialled(second)]).toEqual([['10.0.0.8_3306', '10.0.0.9_3306'], ['10.0.0.9_3306']]);
  const told: string[][] = [];
  first.subscribe(({ removed }) => told.push([...(removed.get(LISTENER_TYPE)?.keys() ?? [])]));

  publish(mesh, ['10.0.0.7', '10.0.0.8', '10.0.0.9']);
  expect([dialled(first), dialled(second)]).toEqual([
    ['10.0.0.8_3306', '10.0.0.9_3306'],
    ['10.0.0.7_3306', '10.0.0.9_3306'],
  ]);
  expect(told.flat()).toEqual([]); // it never had it

  publish(mesh, ['10.0.0.7']);
  expect([dialled(first), dialled(second)]).toEqual([[], ['10.0.0.7_3306']]);
});

function publish(mesh: Mesh, addresses: readonly string[]): void {
  const service = meshService({
    host: 'db.shop.svc.cluster.local',
    namespace: 'shop',
    resolution: 'none',
    ports: [{ number: 3306, name: 'tcp', protocol: 'tcp' }],
    endpoints: addresses.map((address) => ({ address, port: 3306 })),
  });
  mesh.publisher.publish(service.host, service);
  mesh.publisher.commit();
  for (const _ of mesh.publisher.composeRoutes());
}

function viewOf(mesh: Mesh, address: string): ResourceView {
  const metadata = { NAMESPACE: 'shop', INTERCEPTION_MODE: 'REDIRECT', INSTANCE_IPS: address };
  const id = `sidecar~${address}~web.shop~shop.svc.cluster.local`;
  const view = mesh.views.viewFor({ id, cluster: '', metadata, userAgent: '' });
  if ('refused' in view) throw new Error(view.refused);
  return view;
}

function dialled(view: ResourceView): readonly string[] {
  return [...view.resources(LISTENER_TYPE).keys()].filter((name) => name.endsWith('_3306')).sort();
}
