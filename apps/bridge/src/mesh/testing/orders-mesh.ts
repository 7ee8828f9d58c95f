import type { MeshHost } from '@isthmus/model';
import { parseIstioYaml } from '@isthmus/policy';
import type { IstioObject } from '@isthmus/proto/istio';
import { meshService } from '@isthmus/translate/testing';
import type { MeshPublisher } from '../mesh-publisher.ts';
import { openMesh } from '../open-mesh.ts';

export const HOST = 'orders.mesh' as MeshHost;
export const ORDERS = meshService({
  host: HOST,
  ports: [{ number: 80, name: 'http', protocol: 'http' }],
  vip: '240.241.0.1',
});

/** A mesh of ORDERS alone, with these of Istio's objects. */
export function ordersMesh(...yaml: readonly string[]): MeshPublisher {
  const { publisher } = openMesh();
  publisher.rulesWereRead();
  publisher.publish(HOST, ORDERS);
  say(publisher, yaml.join('---\n'));
  return publisher;
}

export function parse(yaml: string): readonly IstioObject[] {
  return parseIstioYaml(yaml, { file: 'a.yaml', defaultNamespace: 'shop' }).objects;
}

/** New objects of Istio's, in force at once. */
export function say(publisher: MeshPublisher, yaml: string): void {
  publisher.queueRules(parse(yaml).map((after) => ({ before: undefined, after })));
  for (const _ of publisher.applyRules());
}
