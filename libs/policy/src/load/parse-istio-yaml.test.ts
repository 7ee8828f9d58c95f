import { describe, expect, test } from '@jest/globals';
import type { DestinationRule, VirtualService } from '@isthmus/proto/istio';
import { parseIstioYaml } from './parse-istio-yaml.ts';

const parse = (text: string) => parseIstioYaml(text, { file: 'istio.d/a.yaml', defaultNamespace: 'default' });
const said = (text: string) =>
  parse(text).problems.map(({ severity, line, column, what, remedy }) => `${severity} ${line}:${column} ${what} | ${remedy}`);

const ORDERS = `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: orders, namespace: shop, labels: { team: a } }
spec:
  hosts: [orders]
  http:
    - timeout: 1m30s
      route: [{ destination: { host: orders } }]
`;

describe('a file of objects', () => {
  test('gives each object with its namespace, labels, place and message', () => {
    const { objects, problems } = parse(`${ORDERS}---
# nothing here
---
apiVersion: networking.istio.io/v1alpha3
kind: DestinationRule
metadata: { name: orders, creationTimestamp: 2026-01-31T12:00:00Z }
spec: { host: orders, trafficPolicy: { loadBalancer: { simple: ROUND_ROBIN } } }
`);
    expect(problems).toEqual([]);
    expect(
      objects.map(({ kind, namespace, name, labels, place, createdAt }) => ({ kind, namespace, name, labels, place, createdAt })),
    ).toEqual([
      {
        kind: 'VirtualService',
        namespace: 'shop',
        name: 'orders',
        labels: { team: 'a' },
        place: 'istio.d/a.yaml:1:1',
        createdAt: 0,
      },
      {
        kind: 'DestinationRule',
        namespace: 'default',
        name: 'orders',
        labels: {},
        place: 'istio.d/a.yaml:12:1',
        createdAt: Date.UTC(2026, 0, 31, 12),
      },
    ]);
    expect((objects[0]!.spec as VirtualService).http[0]?.timeout).toMatchObject({ seconds: 90n, nanos: 0 });
    expect((objects[1]!.spec as DestinationRule).trafficPolicy?.loadBalancer?.lbPolicy.case).toBe('simple');
  });

  test('gives the items of a list, as kubectl writes one', () => {
    const item = JSON.stringify({
      apiVersion: 'networking.istio.io/v1',
      kind: 'Sidecar',
      metadata: { name: 'a' },
      spec: { egress: [{ hosts: ['./*'] }] },
    });
    const { objects } = parse(`apiVersion: v1\nkind: List\nitems:\n  - ${item}\n`);
    expect(objects.map(({ kind, place }) => [kind, place])).toEqual([['Sidecar', 'istio.d/a.yaml:4:5']]);
  });

  test('has one version for one content, wherever it stands', () => {
    const [first, moved, changed] = [ORDERS, `# moved\n\n${ORDERS}`, ORDERS.replace('1m30s', '91s')].map(
      (text) => parse(text).objects[0]?.version,
    );
    expect(moved).toBe(first);
    expect(changed).not.toBe(first);
    expect(parse(ORDERS.replace('1m30s', '90s')).objects[0]?.version).toBe(first);
  });
});

test('places are those of the file, whichever document they are in', () => {
  const { objects, problems } = parse(
    `${ORDERS}---\n${ORDERS.replace('name: orders', 'name: b').replace('1m30s', 'x')}---\n\n${ORDERS.replace('name: orders', 'name: c')}`,
  );
  expect(objects.map(({ place }) => place)).toEqual(['istio.d/a.yaml:1:1', 'istio.d/a.yaml:20:1']);
  expect(problems.map(({ line, column }) => [line, column])).toEqual([[16, 16]]);
  expect(said(`${ORDERS}---\na: [`)[0]).toContain('error 10:5 is not valid YAML');
});

describe('what is wrong', () => {
  test('comes all at once, with line, column and field', () => {
    const text = ORDERS.replace(
      'timeout: 1m30s',
      'timeout: soon\n      retries: { attempts: -x, perTryTimeOut: 1s }\n      match: [{ uri: { exact: /a, prefix: /b } }]',
    );
    expect(said(text)).toEqual([
      'error 7:16 VirtualService shop/orders: spec.http[0].timeout is "soon" | use a time such as 5s, 100ms or 1h30m',
      'error 8:28 VirtualService shop/orders: spec.http[0].retries.attempts is "-x" | use a whole number',
      'error 8:32 VirtualService shop/orders: spec.http[0].retries.perTryTimeOut is no field of HTTPRetry | did you mean perTryTimeout?',
      'error 9:43 VirtualService shop/orders: spec.http[0].match[0].uri.prefix excludes exact, which is set too | keep one of the two',
    ]);
    expect(parse(text)).toMatchObject({ objects: [], refused: ['VirtualService/shop/orders'], readable: true });
  });

  test('is what does not fit and what means nothing, in one go, and nothing that only follows from what does not fit', () => {
    const routes = `http:
    - name: first
      timeout: soon
      route: [{ destination: { host: orders }, weight: x }, { destination: { host: orders }, weight: 40 }]
    - match: [{ uri: { prefix: 7 } }]
      route: [{ destination: { host: orders } }]
    - retries: { attempts: -1 }
      fault: { abort: { httpStatus: 7000, percentage: { value: 5 } } }
      route: [{ destination: { host: 'a..b' } }]`;
    const spec = `apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: { name: orders, namespace: shop }\nspec:\n  hosts: [orders]\n  ${routes}\n`;
    const fields = said(spec).map((text) => text.replace(/^error \d+:\d+ VirtualService shop\/orders: spec\./, '').split(' ')[0]);
    expect(fields.toSorted()).toEqual([
      'http[0].route[0].weight',
      'http[0].timeout',
      'http[1].match[0].uri.prefix',
      'http[2].fault.abort.httpStatus',
      'http[2].retries.attempts',
      'http[2].route[0].destination.host',
    ]);
  });

  test('costs its object only', () => {
    const { objects, refused } = parse(`${ORDERS}---\n${ORDERS.replace('name: orders', 'name: other').replace('1m30s', 'x')}`);
    expect(objects.map(({ name }) => name)).toEqual(['orders']);
    expect(refused).toEqual(['VirtualService/shop/other']);
  });

  test.each([
    [
      'metadata: { name: Orders, namespace: shop, labels: { team: a } }',
      'error 3:19 VirtualService shop/Orders: metadata.name is "Orders"',
    ],
    [
      'metadata: { name: orders, namespace: shop, labels: { team: 1 } }',
      'error 3:60 VirtualService shop/orders: metadata.labels.team is 1',
    ],
    ['metadata: { namespace: shop }', 'error 3:1 VirtualService shop/: metadata.name is empty'],
  ])('in the metadata: %s', (metadata, expected) => {
    expect(said(ORDERS.replace(/^metadata.*$/m, metadata))[0]).toContain(expected);
  });

  test('an object that is there twice counts once, and is said', () => {
    const { objects, problems } = parse(`${ORDERS}---\n${ORDERS}`);
    expect(objects).toHaveLength(1);
    expect(problems[0]?.what).toContain('is at istio.d/a.yaml:1:1 already');
  });

  test('YAML that cannot be read is unreadable, which is not the same as empty', () => {
    expect(parse('a: [')).toMatchObject({ objects: [], readable: false });
    expect(parse('')).toMatchObject({ objects: [], problems: [], readable: true });
  });

  test('an alias bomb is refused before it is expanded', () => {
    const bomb = [
      'a: &a [x, x, x, x, x, x, x, x, x, x]',
      ...[...'bcdefgh'].map((c, i) => `${c}: &${c} [${Array(10).fill(`*${'abcdefgh'[i]}`).join(', ')}]`),
    ].join('\n');
    const { readable, problems } = parse(bomb);
    expect(readable).toBe(false);
    expect(problems[0]?.what).toContain('cannot be expanded');
  });

  test('a thousand mistakes of one kind are a bounded list', () => {
    const text = Array.from({ length: 300 }, (_, i) =>
      ORDERS.replace('name: orders', `name: orders-${i}`).replace('1m30s', 'x'),
    ).join('---\n');
    const { problems } = parse(text);
    expect(problems).toHaveLength(201);
    expect(problems.at(-1)?.what).toBe('100 more problems are not shown');
  });
});

describe('kinds', () => {
  const of = (apiVersion: string, kind: string) =>
    said(`apiVersion: ${apiVersion}\nkind: ${kind}\nmetadata: { name: a }\nspec: {}\n`);

  test.each([
    ['security.istio.io/v1', 'AuthorizationPolicy'],
    ['security.istio.io/v1beta1', 'PeerAuthentication'],
    ['networking.istio.io/v1alpha3', 'EnvoyFilter'],
    ['telemetry.istio.io/v1', 'Telemetry'],
  ])('%s %s comes later: a warning', (apiVersion, kind) => {
    expect(of(apiVersion, kind)).toEqual([
      `warning 2:7 kind ${kind} is not in this version: the object has no effect | leave it for a later version, or take it out`,
    ]);
  });

  test('others’ objects are a warning, a kind that Istio does not have is an error', () => {
    expect(of('apps/v1', 'Deployment')[0]).toContain('warning 2:7 kind "Deployment" of "apps/v1" is not read here');
    expect(of('networking.istio.io/v1', 'VirtualServices')[0]).toContain(
      'error 2:7 kind is "VirtualServices", which is no kind of networking.istio.io',
    );
    expect(of('networking.istio.io/v2', 'VirtualService')[0]).toContain(
      'error 1:13 apiVersion is "networking.istio.io/v2", of which Istio has no VirtualService',
    );
  });
});
