import { expect, test } from '@jest/globals';
import { positionOf } from '@isthmus/ladder';
import type { MeshHost, MeshService } from '@isthmus/model';
import { parseAllDocuments } from 'yaml';
import { callersYaml } from './callers-yaml.ts';
import { openMesh } from './open-mesh.ts';

const ORDERS: MeshService = {
  host: 'orders.mesh' as MeshHost,
  namespace: 'isthmus',
  resolution: 'static',
  ports: [{ number: 80, name: 'http', protocol: 'http' }],
  endpoints: [],
  origins: [],
  vip: '240.241.0.1',
  diagnostics: [],
};

test('what plans leave to callers is exported for istiod, of services that are there', () => {
  const { publisher } = openMesh();
  publisher.publish(ORDERS.host, ORDERS);
  expect(callersYaml(publisher)).toBe('');
  const position = positionOf('traffic');
  publisher.queuePositions(
    ['orders.mesh', 'gone.mesh'].map((host) => ({ consumers: ['web'], target: { host, port: 80 }, position })),
  );
  for (const _ of publisher.applyRules());
  const objects = parseAllDocuments(callersYaml(publisher)).map((document) => document.toJS() as { kind: string; spec: object });
  expect(objects).toMatchObject([
    {
      kind: 'VirtualService',
      metadata: { name: 'callers-of.orders.mesh', namespace: 'isthmus' },
      spec: { hosts: ['orders.mesh'] },
    },
  ]);
});
