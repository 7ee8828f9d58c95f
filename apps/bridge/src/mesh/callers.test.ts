import { expect, test } from '@jest/globals';
import { positionOf } from '@isthmus/ladder';
import type { Rung } from '@isthmus/ladder';
import type { MeshObject } from '@isthmus/model';
import { DestinationRules } from '@isthmus/policy';
import type { IstioObject } from '@isthmus/proto/istio';
import { objectYaml } from '@isthmus/translate';
import { parseAllDocuments } from 'yaml';
import { callersOf, callersYaml } from './callers.ts';
import type { CallersOptions } from './callers.ts';
import type { MeshPublisher } from './mesh-publisher.ts';
import { openMesh } from './open-mesh.ts';
import { HOST, ORDERS, ordersMesh, parse, say } from './testing/orders-mesh.ts';

const ROOT = 'istio-system';
const OPTIONS: CallersOptions = { namespaces: ['front', 'shop'], rootNamespace: ROOT, areOldest: true };
const RULE = `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: orders, namespace: isthmus }
spec: { host: ${HOST}, trafficPolicy: { outlierDetection: { consecutive5xxErrors: 5 } }, subsets: [{ name: v1 }] }
`;
const ROUTES = `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: orders, namespace: isthmus }
spec: { hosts: ['*.mesh'], http: [{ timeout: 2s, route: [{ destination: { host: ${HOST} } }] }], tcp: [{ route: [{ destination: { host: tcp.mesh } }] }] }
`;

function plan(
  publisher: MeshPublisher,
  rung: Rung | undefined,
  consumers: readonly string[] = ['web'],
  host: string = HOST,
): void {
  const position = rung === undefined ? undefined : positionOf(rung);
  publisher.queuePositions([{ consumers, target: { host, port: 80 }, position }]);
  for (const _ of publisher.applyRules());
}

const NAMESPACES = ['front', 'hidden', 'shop', 'isthmus', ROOT];
const namesOf = (objects: readonly MeshObject[]) => objects.map(({ kind, metadata: m }) => `${kind} ${m.namespace}/${m.name}`);

test('what plans leave to callers is published for each namespace of callers, and goes with the plan', () => {
  const publisher = ordersMesh(RULE, ROUTES);
  expect(callersOf(publisher, HOST, OPTIONS)).toEqual({ objects: [], diagnostics: [] });
  plan(publisher, 'traffic');
  const { objects, diagnostics } = callersOf(publisher, HOST, OPTIONS);
  expect(diagnostics).toEqual([]);
  expect(namesOf(objects)).toEqual(
    ['front', 'shop'].flatMap((namespace) => [
      `VirtualService ${namespace}/callers-of.orders.mesh`,
      `DestinationRule ${namespace}/callers-of.orders.mesh`,
      `DestinationRule ${namespace}/web-to.orders.mesh`,
    ]),
  );
  // The routes in force, a wildcard's too, and what is no HTTP.
  expect(objects[0]?.spec).toMatchObject({ hosts: [HOST], exportTo: ['.'], tcp: [{}] });
  const { http = [] } = (objects[0]?.spec ?? {}) as { http?: object[] };
  expect(http.at(-1)).toMatchObject({ timeout: '2s' });
  plan(publisher, undefined);
  expect(callersOf(publisher, HOST, OPTIONS).objects).toEqual([]);
});

test('as Istio looks rules up, the consumer has no breaker left there, and everybody else has what they had', () => {
  const own = RULE.replace('namespace: isthmus', 'namespace: front').replace('Errors: 5', 'Errors: 9');
  const hidden = own.replace('namespace: front', 'namespace: hidden').replace('host:', "exportTo: ['.'], host:");
  const publisher = ordersMesh(RULE, own, hidden);
  const mine = parse(`${RULE}---\n${own}---\n${hidden}`) as readonly IstioObject<'DestinationRule'>[];
  const rulesOf = (more: readonly IstioObject<'DestinationRule'>[]): DestinationRules => {
    const rules = new DestinationRules({ domain: 'cluster.local', rootNamespace: ROOT });
    for (const rule of [...mine, ...more]) rules.set(rule);
    return rules;
  };
  const errors = (rules: DestinationRules, namespace: string, name: string) =>
    rules.outbound(ORDERS, { namespace, labels: { 'service.istio.io/canonical-name': name } })?.spec.trafficPolicy
      ?.outlierDetection?.consecutive5xxErrors;
  plan(publisher, 'traffic');
  const { objects } = callersOf(publisher, HOST, { ...OPTIONS, namespaces: NAMESPACES });
  const made = parse(objects.map(objectYaml).join('---\n')).filter(({ kind }) => kind === 'DestinationRule');
  const [before, after] = [rulesOf([]), rulesOf(made as readonly IstioObject<'DestinationRule'>[])];
  for (const namespace of NAMESPACES) {
    expect([namespace, errors(before, namespace, 'web')]).toEqual([namespace, ['front', 'hidden'].includes(namespace) ? 9 : 5]);
    expect([namespace, errors(after, namespace, 'web')]).toEqual([namespace, undefined]);
    expect([namespace, errors(after, namespace, 'other')]).toEqual([namespace, errors(before, namespace, 'other')]);
  }
  // A namespace without callers sees nothing of it.
  expect(errors(after, 'back', 'web')).toBe(5);
});

test('somebody’s rule for some workloads is left alone, and it is said', () => {
  const theirs = `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: theirs, namespace: shop }
spec: { host: ${HOST}, workloadSelector: { matchLabels: { app: web } }, trafficPolicy: { outlierDetection: { consecutive5xxErrors: 2 } } }
`;
  const publisher = ordersMesh(RULE, theirs);
  plan(publisher, 'traffic');
  const { objects, diagnostics } = callersOf(publisher, HOST, { ...OPTIONS, namespaces: ['shop'] });
  expect(namesOf(objects)).toEqual(['VirtualService shop/callers-of.orders.mesh']);
  expect(diagnostics).toMatchObject([
    { code: 'plan.callers', where: `${HOST} in shop`, what: expect.stringContaining('workloadSelector') },
  ]);
});

test('where ours are younger, somebody’s own VirtualService of the namespace counts, and it is said', () => {
  const theirs = ROUTES.replace('namespace: isthmus', 'namespace: shop').replace("['*.mesh']", `[${HOST}], exportTo: ['.']`);
  const publisher = ordersMesh(theirs);
  plan(publisher, 'traffic');
  const options = { ...OPTIONS, namespaces: ['shop'] };
  expect(callersOf(publisher, HOST, { ...options, areOldest: false })).toMatchObject({
    objects: [],
    diagnostics: [{ code: 'plan.callers', what: expect.stringContaining('older') }],
  });
  const { objects, diagnostics } = callersOf(publisher, HOST, options);
  expect([diagnostics, namesOf(objects)]).toEqual([[], ['VirtualService shop/callers-of.orders.mesh']]);
  expect(objects[0]?.metadata.annotations['isthmus.dev/made-from']).toContain('a.yaml');
});

test('a consumer that no label can name is said, and costs no other', () => {
  const publisher = ordersMesh();
  plan(publisher, 'traffic', ['a:b', 'web']);
  const { objects, diagnostics } = callersOf(publisher, HOST, { ...OPTIONS, namespaces: ['shop'] });
  expect(diagnostics).toMatchObject([{ code: 'plan.callers', where: `${HOST} a:b` }]);
  expect(JSON.stringify(objects)).toContain('"web"');
  expect(JSON.stringify(objects)).not.toContain('a:b');
});

test('hosts under plans are made again by their own rules and plans, and by nothing else', () => {
  const publisher = ordersMesh();
  plan(publisher, 'traffic');
  expect(publisher.takeCallers()).toEqual([HOST]);
  say(publisher, RULE.replaceAll(HOST, 'other.mesh').replace('name: orders', 'name: other'));
  expect(publisher.takeCallers()).toEqual([]);
  say(publisher, RULE);
  expect(publisher.takeCallers()).toEqual([HOST]);
  say(publisher, ROUTES);
  expect(publisher.takeCallers()).toEqual([HOST]);
  plan(publisher, undefined);
  expect(publisher.takeCallers()).toEqual([HOST]);
});

test('before rules have been read nothing is made of them', () => {
  const { publisher } = openMesh();
  publisher.publish(HOST, ORDERS);
  plan(publisher, 'traffic');
  expect(callersOf(publisher, HOST, OPTIONS).objects).toEqual([]);
  publisher.takeCallers();
  publisher.rulesWereRead();
  expect(publisher.takeCallers()).toEqual([HOST]);
  expect(callersOf(publisher, HOST, OPTIONS).objects).not.toEqual([]);
});

test('what was made for callers and is read back changes nothing', () => {
  const publisher = ordersMesh(RULE, ROUTES);
  plan(publisher, 'traffic');
  const { objects } = callersOf(publisher, HOST, OPTIONS);
  say(publisher, objects.map(objectYaml).join('---\n'));
  expect(callersOf(publisher, HOST, OPTIONS).objects).toEqual(objects);
});

test('what plans leave to callers is exported, of services that are there, into their own namespaces where none are named', () => {
  const publisher = ordersMesh();
  const options = { namespaces: [], rootNamespace: ROOT };
  expect(callersYaml(publisher, options)).toBe('');
  plan(publisher, 'traffic');
  plan(publisher, 'traffic', ['web'], 'gone.mesh');
  const objects = parseAllDocuments(callersYaml(publisher, options)).map(
    (document) => document.toJS() as { kind: string; spec: object },
  );
  expect(objects).toMatchObject([
    {
      kind: 'VirtualService',
      metadata: { name: 'callers-of.orders.mesh', namespace: 'isthmus' },
      spec: { hosts: ['orders.mesh'] },
    },
  ]);
});
