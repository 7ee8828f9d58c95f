import { expect, test } from '@jest/globals';
import type { IstioObject } from '@isthmus/proto/istio';
import { parseIstioYaml } from '../load/parse-istio-yaml.ts';
import { VirtualServices } from '../virtual-services.ts';
import { HostConflicts } from './host-conflicts.ts';

type Rule = IstioObject<'VirtualService'>;

function rule(name: string, host: string, created = '2026-01-01T00:00:00Z'): Rule {
  const text = `{ apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: { name: ${name}, namespace: shop, creationTimestamp: "${created}" }, spec: { hosts: [${host}], http: [{ directResponse: { status: 200 } }] } }`;
  return parseIstioYaml(text, { file: `${name}.yaml`, defaultNamespace: 'shop' }).objects[0] as Rule;
}

test('a conflict is told of for as long as there is one, and of the younger', () => {
  const rules = new VirtualServices('cluster.local');
  const conflicts = new HostConflicts();
  const set = (each: Rule): void => rules.set(each).forEach((change) => conflicts.take(change));
  const said = (): readonly string[] => [...conflicts.diagnostics()].map(({ where }) => where);
  set(rule('a', 'orders', '2026-02-02T00:00:00Z'));
  set(rule('b', 'orders'));
  expect(said()).toEqual(['a.yaml:1:1']);
  set(rule('c', 'orders'));
  expect(said()).toEqual(['c.yaml:1:1', 'a.yaml:1:1']);
  set(rule('b', 'other'));
  expect(said()).toEqual(['a.yaml:1:1']);
  for (const change of rules.delete('shop', 'c')) conflicts.take(change);
  expect(said()).toEqual([]);
  set(rule('b', 'orders'));
  expect(said()).toEqual(['a.yaml:1:1']);
});
