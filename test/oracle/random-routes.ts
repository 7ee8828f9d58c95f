import fc from 'fast-check';

// The HTTP part of VirtualServices, as many of its fields together as validation lets.

export const HOSTS = ['orders', 'payments', 'orders.other', 'api.example', 'a.wild.example', 'b.wild.example'] as const;
export type Host = (typeof HOSTS)[number];

export function longHost(host: Host): string {
  if (host === 'orders.other') return 'orders.other.svc.cluster.local';
  return host.includes('.') ? host : `${host}.shop.svc.cluster.local`;
}

const some = <T extends Record<string, fc.Arbitrary<unknown>>>(fields: T, requiredKeys: readonly (keyof T & string)[] = []) =>
  fc.record(fields, { requiredKeys: [...requiredKeys] });

const text = fc.oneof(
  fc.constantFrom('/', '/a', 'x').map((exact) => ({ exact })),
  fc.constantFrom('/', '/a', 'x').map((prefix) => ({ prefix })),
  fc.constantFrom('.*', '/a.*', 'x+').map((regex) => ({ regex })),
);
const uri = fc.oneof(
  fc.constantFrom('/', '/a', '/a/b').map((exact) => ({ exact })),
  fc.constantFrom('/', '/a', '/a/', '/a/b').map((prefix) => ({ prefix })),
  fc.constantFrom('.*', '/a.*').map((regex) => ({ regex })),
);
const match = some({
  name: fc.constantFrom('m', 'n'),
  uri,
  headers: fc.dictionary(fc.constantFrom('h1', 'h2', 'cookie'), text, { minKeys: 1, maxKeys: 2 }),
  withoutHeaders: fc.dictionary(fc.constantFrom('w1', 'h2'), text, { minKeys: 1, maxKeys: 2 }),
  // One: istiod's order of several is that of a Go map.
  queryParams: fc.constantFrom({ q: { exact: '1' } }, { q: { regex: '.+' } }),
  method: fc.constant({ exact: 'GET' }),
  authority: fc.constantFrom({ exact: 'orders' }, { prefix: 'o' }),
  scheme: fc.constant({ exact: 'https' }),
  port: fc.constantFrom(80, 8080),
  gateways: fc.constantFrom(['mesh'], ['edge'], ['mesh', 'edge'], ['shop/edge']),
  sourceLabels: fc.constantFrom({ app: 'web' }, { app: 'no' }),
  sourceNamespace: fc.constantFrom('shop', 'other'),
  ignoreUriCase: fc.boolean(),
  statPrefix: fc.constant('sp'),
});
const matches = fc.array(match, { minLength: 1, maxLength: 3 });
const destination = some(
  {
    host: fc.constantFrom(...HOSTS, 'nowhere.example'),
    subset: fc.constantFrom('v1', 'v2'),
    port: fc.constantFrom({ number: 80 }, { number: 8080 }),
  },
  ['host'],
);
const changes = (names: readonly string[]) =>
  fc.dictionary(fc.constantFrom(...names), fc.constantFrom('1', '2'), { minKeys: 1, maxKeys: 2 });
const headers = some({
  request: some({ set: changes(['a', 'b']), add: changes(['c', 'd']), remove: fc.constant(['e']) }),
  response: some({ set: changes(['f']), remove: fc.constant(['g']) }),
});
const route = fc.oneof(
  destination.map((to) => [{ destination: to }]),
  fc.tuple(destination, headers).map(([to, change]) => [{ destination: to, headers: change }]),
  fc.tuple(destination, destination, fc.constantFrom(0, 30, 100), headers).map(([a, b, weight, change]) => [
    { destination: a, weight, headers: change },
    { destination: b, weight: 100 - weight },
  ]),
);
const percentage = fc.constantFrom({ value: 0 }, { value: 0.1 }, { value: 33.3333 }, { value: 100 });
const mirror = fc.oneof(
  some({ mirror: destination, mirrorPercentage: percentage }, ['mirror']),
  fc.array(some({ destination, percentage }, ['destination']), { minLength: 1, maxLength: 2 }).map((mirrors) => ({ mirrors })),
);
const policies = some({
  name: fc.constantFrom('r', 's'),
  rewrite: fc.constantFrom(
    { uri: '/' },
    { uri: '/new', authority: 'n.example' },
    { uriRegexRewrite: { match: '/a(.*)', rewrite: '/b\\1' } },
  ),
  timeout: fc.constantFrom('1s', '250ms'),
  retries: fc.constantFrom(
    { attempts: 0 },
    { attempts: 3 },
    { attempts: 2, retryOn: '5xx,503,425', perTryTimeout: '1s', retryRemoteLocalities: true },
    { attempts: 1, retryIgnorePreviousHosts: true, backoff: '10ms' },
  ),
  fault: fc.constantFrom(
    { delay: { fixedDelay: '5s', percentage: { value: 0.1 } } },
    { abort: { httpStatus: 500, percentage: { value: 50 } } },
    { abort: { grpcStatus: 'NOT_FOUND', percentage: { value: 1 } }, delay: { fixedDelay: '1s' } },
  ),
  corsPolicy: fc.constantFrom(
    { allowOrigins: [{ prefix: 'x' }, { exact: 'y' }], maxAge: '10m' },
    { allowMethods: ['GET'], allowCredentials: false, unmatchedPreflights: 'FORWARD' },
  ),
  headers,
});
const forwarding = fc
  .tuple(some({ match: matches, route }, ['route']), policies, fc.option(mirror, { nil: {} }))
  .map(([base, policy, copies]): object => Object.assign({}, base, policy, copies));
const answer = some(
  {
    match: matches,
    answer: fc.constantFrom(
      { redirect: { uri: '/z' } },
      { redirect: { authority: 'q.example', redirectCode: 303 } },
      { redirect: { scheme: 'https', derivePort: 'FROM_REQUEST_PORT' } },
      { redirect: { port: 8443 } },
      { directResponse: { status: 200, body: { string: 'x' } } },
    ),
  },
  ['answer'],
).map(({ answer: said, ...rest }): object => ({ ...rest, ...(said as object) }));

/** Routes that go or answer somewhere themselves. */
export const plainRoutes = fc.array(fc.oneof({ weight: 4, arbitrary: forwarding }, answer), { minLength: 1, maxLength: 3 });

const delegating = some(
  {
    name: fc.constant('root'),
    match: matches,
    delegate: fc.constantFrom({ name: 'part' }, { name: 'part', namespace: 'other' }, { name: 'gone' }),
    timeout: fc.constant('3s'),
  },
  ['delegate'],
);

/** Routes of a root, some of which delegate. */
export const rootRoutes = fc
  .tuple(plainRoutes, fc.option(delegating, { nil: undefined }), fc.nat(3))
  .map(([routes, delegate, at]) => (delegate === undefined ? routes : routes.toSpliced(at, 0, delegate)));
