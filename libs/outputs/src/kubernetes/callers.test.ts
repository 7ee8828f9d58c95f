import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { DESTINATION_RULES, SERVICE_ENTRIES, VIRTUAL_SERVICES } from '@isthmus/kube';
import type { Resource } from '@isthmus/kube';
import type { FakeApi } from '@isthmus/kube/testing';
import type { MeshHost, MeshObject } from '@isthmus/model';
import { until } from '@isthmus/model/testing';
import type { Hosts } from '../testing/hosts.ts';
import { OutputWorld, settled } from '../testing/output-world.ts';
import type { KubernetesOutput } from './kubernetes-output.ts';

const HOST = 'orders.nacos' as MeshHost;
let world: OutputWorld;
let api: FakeApi;
let hosts: Hosts;
let planned: boolean;
let callers: readonly string[];
let timeout: string;

beforeEach(async () => {
  world = await OutputWorld.open();
  ({ api, hosts } = world);
  hosts.set(HOST, 1);
  [planned, timeout] = [true, '1s'];
  callers = ['front', 'shop'];
});

afterEach(() => world.close());

const rule = (kind: string, namespace: string, spec: object): MeshObject => ({
  apiVersion: 'networking.istio.io/v1',
  kind,
  metadata: { name: `callers-of.${HOST}`, namespace, labels: { 'isthmus.dev/callers': 'plan' }, annotations: {} },
  spec,
});
const render = (host: MeshHost): readonly MeshObject[] => [
  ...hosts.render(host),
  ...(planned ? callers : []).flatMap((namespace) => [
    rule('VirtualService', namespace, { hosts: [HOST], http: [{ timeout, route: [{ destination: { host: HOST } }] }] }),
    rule('DestinationRule', namespace, { host: HOST, trafficPolicy: { loadBalancer: { simple: 'LEAST_REQUEST' } } }),
  ]),
];

function start(callerNamespaces: readonly string[] = ['front', 'shop']): KubernetesOutput {
  const output = world.start({ render, callerNamespaces });
  output.touch([HOST]);
  return output;
}

const all = (resource: Resource) => api.all(resource).map(({ metadata: { namespace, name } }) => `${namespace}/${name}`);
const spec = (namespace: string) =>
  JSON.stringify((api.get(VIRTUAL_SERVICES, `callers-of.${HOST}`, namespace) as { spec?: object } | undefined)?.spec);
const both = [`front/callers-of.${HOST}`, `shop/callers-of.${HOST}`];

test('what callers are told is in their namespaces, the service in that of the output, and each is written when it changes', async () => {
  const output = start();
  await settled(output);
  expect(output.diagnostics()).toEqual([]);
  expect(all(SERVICE_ENTRIES)).toEqual([`isthmus/${HOST}`]);
  expect([all(VIRTUAL_SERVICES).sort(), all(DESTINATION_RULES).sort()]).toEqual([both, both]);
  const before = world.writes.length;
  timeout = '2s';
  output.touch([HOST]);
  await settled(output);
  expect(spec('shop')).toContain('2s');
  const writes = world.writes.slice(before);
  expect(writes.filter((line) => !line.includes('virtualservices'))).toEqual([]);
  expect(writes).toHaveLength(2);
});

test('it goes with the plan, and what an earlier run left of it goes when everything has been read', async () => {
  const first = start();
  await settled(first);
  await world.stop();
  planned = false;
  const second = start();
  await settled(second);
  expect(all(VIRTUAL_SERVICES).sort()).toEqual(both);
  second.complete(true);
  await until('leftovers are gone', () => all(VIRTUAL_SERVICES).length + all(DESTINATION_RULES).length === 0);
  planned = true;
  second.touch([HOST]);
  await until('it is back', () => all(VIRTUAL_SERVICES).length === 2);
  await settled(second);
  planned = false;
  second.touch([HOST]);
  await until('it is gone', () => all(VIRTUAL_SERVICES).length + all(DESTINATION_RULES).length === 0);
  expect(all(SERVICE_ENTRIES)).toEqual([`isthmus/${HOST}`]);
});

test('a dry run shows it, and a right that is missing is said and costs nothing that is there', async () => {
  const output = start();
  await settled(output);
  timeout = '3s';
  const plan = await output.plan([HOST], world.signal);
  expect(plan.updates.map(({ name }) => name)).toEqual(both.map((name) => `VirtualService ${name}`));
  expect([plan.creates, plan.deletes, plan.unchanged]).toEqual([[], [], 3]);
  api.forbidden.add('patch virtualservices');
  output.touch([HOST]);
  await until('it is said', () => output.diagnostics().length === 2);
  expect(output.diagnostics()[0]).toMatchObject({ code: 'output.unwritable', where: `VirtualService front/callers-of.${HOST}` });
  expect(spec('shop')).toContain('1s');
});

test('without namespaces of callers nobody needs rights to rules', async () => {
  planned = false;
  api.forbidden.add('list virtualservices').add('list destinationrules');
  const output = start([]);
  await settled(output);
  expect([output.diagnostics(), all(SERVICE_ENTRIES)]).toEqual([[], [`isthmus/${HOST}`]]);
});

test('callers in other namespaces are told while it runs, and what was for those who are left out goes', async () => {
  const output = start();
  await settled(output);
  callers = ['new', 'shop'];
  output.setCallerNamespaces(callers);
  output.touch([HOST]);
  const there = [`new/callers-of.${HOST}`, `shop/callers-of.${HOST}`];
  await until('it is where it should be', () => JSON.stringify(all(VIRTUAL_SERVICES).sort()) === JSON.stringify(there));
  await settled(output);
  expect([all(DESTINATION_RULES).sort(), output.diagnostics()]).toEqual([there, []]);
  expect((await output.plan([HOST], world.signal)).unchanged).toBe(5);
  // Who deletes it there is seen.
  api.remove(VIRTUAL_SERVICES, `callers-of.${HOST}`, 'new');
  await until('it is back', () => all(VIRTUAL_SERVICES).length === 2);
});

test('a namespace that cannot be seen stops writing until it is left out again', async () => {
  planned = false;
  const output = start([]);
  await settled(output);
  api.forbidden.add('list virtualservices').add('list destinationrules');
  output.setCallerNamespaces(['mistyped']);
  await until('it is said', () => output.diagnostics().some(({ code }) => code === 'output.unwritable'));
  hosts.set(HOST, 2);
  output.touch([HOST]);
  output.setCallerNamespaces([]);
  await settled(output);
  expect(output.diagnostics()).toEqual([]);
});
