import { expect, test } from '@jest/globals';
import { parseIstioYaml } from '@isthmus/policy';
import { openMesh } from './open-mesh.ts';
import type { Mesh } from './open-mesh.ts';

const gateway = (name: string, servers: string): string =>
  `apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: { name: ${name}, namespace: edge }\nspec: { selector: { istio: edge }, servers: ${servers} }\n`;

const SECRET =
  '[{ port: { number: 443, name: https, protocol: HTTPS }, hosts: ["*"], tls: { mode: SIMPLE, credentialName: a } }]';
const MUTUAL = `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: orders, namespace: shop }
spec: { host: orders, trafficPolicy: { tls: { mode: ISTIO_MUTUAL } } }
`;

const take = ({ publisher }: Mesh, yaml: string, remove = false): void => {
  const { objects } = parseIstioYaml(yaml, { file: 'a.yaml', defaultNamespace: 'shop' });
  publisher.queueRules(objects.map((each) => (remove ? { before: each, after: undefined } : { before: undefined, after: each })));
  for (const _ of publisher.applyRules());
  for (const _ of publisher.composeRoutes());
};

const router = (name: string, more: object) => ({
  id: `router~10.0.0.${name}~edge-${name}.edge~edge.svc.cluster.local`,
  cluster: 'edge',
  metadata: { LABELS: { istio: 'edge' }, ...more },
  userAgent: 'envoy 1.40.0',
  locality: { region: '', zone: '', subzone: '' },
});

const said = ({ publisher }: Mesh): readonly string[] => [...publisher.diagnostics()].map(({ what }) => what);

test('what a Gateway asks for and cannot have is said once, however many groups of routers have it', () => {
  const mesh = openMesh();
  take(mesh, gateway('front', SECRET));
  expect(said(mesh)).toEqual([]);
  for (const node of [router('1', {}), router('2', { CLUSTER_ID: 'other', NETWORK: 'n2' })])
    expect(mesh.views.viewFor(node)).not.toHaveProperty('refused');
  const [only, ...more] = said(mesh);
  expect(only).toContain('a');
  expect(more).toEqual([]);
  take(mesh, gateway('front', SECRET), true);
  expect(said(mesh)).toEqual([]);
});

test('what a DestinationRule asks for and cannot have is said for as long as it is there', () => {
  const mesh = openMesh();
  take(mesh, MUTUAL);
  expect(said(mesh)).toEqual([expect.stringContaining('ISTIO_MUTUAL')]);
  take(mesh, MUTUAL, true);
  expect(said(mesh)).toEqual([]);
});
