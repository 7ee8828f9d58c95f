import { fromBinary } from '@bufbuild/protobuf';
import type { MeshHost } from '@isthmus/model';
import { parseIstioYaml } from '@isthmus/policy';
import { RouteConfigurationSchema } from '@isthmus/proto/envoy';
import type { IstioObject } from '@isthmus/proto/istio';
import { ROUTE_TYPE } from '@isthmus/translate';
import { meshService } from '@isthmus/translate/testing';
import type { EndpointSketch } from '@isthmus/translate/testing';
import type { NodeInfo, ResourceView } from '@isthmus/xds';
import { openMesh } from '../open-mesh.ts';
import type { Mesh } from '../open-mesh.ts';

/** More services than a group takes in one turn of the loop. */
export const MANY = 150;

/** A mesh of `s0.mesh`, `s1.mesh` and so on, without instances. */
export function meshOf(services: number): Mesh {
  const mesh = openMesh();
  for (let n = 0; n < services; n += 1) publish(mesh, `s${n}.mesh`);
  for (const _ of mesh.publisher.composeRoutes());
  return mesh;
}

/** @param instance its only one; default: it has none */
export function publish(mesh: Mesh, host: string, instance?: EndpointSketch, namespace = 'isthmus'): void {
  const origins = [`shop/public/DEFAULT_GROUP/${host}`];
  const endpoints = instance === undefined ? [] : [{ port: 80, ...instance }];
  mesh.publisher.publish(host as MeshHost, meshService({ host, namespace, origins, endpoints }));
  mesh.publisher.commit();
}

export function unpublish(mesh: Mesh, host: string): void {
  mesh.publisher.publish(host as MeshHost, undefined);
  mesh.publisher.commit();
}

/** What a node of the namespace is served that says nothing else of itself but its labels. */
export function viewFor(mesh: Mesh, namespace: string, labels: Readonly<Record<string, string>> = {}): ResourceView {
  const metadata = { NAMESPACE: namespace, LABELS: labels };
  return viewOf(mesh, { id: 'web', cluster: '', metadata, userAgent: '' });
}

/** @throws {Error} where the node is refused */
export function viewOf(mesh: Mesh, node: NodeInfo): ResourceView {
  const view = mesh.views.viewFor(node);
  if ('refused' in view) throw new Error(view.refused);
  return view;
}

function parse(text: string): IstioObject {
  return parseIstioYaml(text, { file: 'rules.yaml', defaultNamespace: 'isthmus' }).objects[0] as IstioObject;
}

/** VirtualServices of hosts of their own. */
export const RULES = Array.from({ length: 40 }, (_, n) =>
  parse(`{ apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: { name: rule-${n}, namespace: isthmus },
    spec: { hosts: [rule-${n}.example], http: [{ directResponse: { status: 200 } }] } }`),
);

/** How many of RULES are in the routes that a node is served. */
export function rulesIn(view: ResourceView): number {
  const route = view.resources(ROUTE_TYPE).get('http_proxy');
  if (route === undefined) return 0;
  return fromBinary(RouteConfigurationSchema, route.bytes).virtualHosts.filter(({ name }) => name.startsWith('rule-')).length;
}

/** Nodes with the label `app: web` see `s1.mesh` alone. */
export const SIDECAR = parse(
  `{ apiVersion: networking.istio.io/v1, kind: Sidecar, metadata: { name: narrow, namespace: isthmus },
     spec: { workloadSelector: { labels: { app: web } }, egress: [{ hosts: ['*/s1.mesh'] }] } }`,
);
