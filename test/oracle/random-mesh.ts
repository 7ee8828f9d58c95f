import fc from 'fast-check';
import { parseCase } from './oracle-case.ts';
import type { OracleCase } from './oracle-case.ts';
import { MESH_HOSTS, meshServices, objectOf } from './random-services.ts';

// What decides about listeners and about who sees what: rules for connections, Sidecars, Gateways, and how a proxy gets its calls.

const one = <const T>(...values: readonly T[]): fc.Arbitrary<T> => fc.constantFrom(...values);
const some = <T extends Record<string, fc.Arbitrary<unknown>>>(model: T, requiredKeys: readonly (keyof T & string)[] = []) =>
  fc.record(model, { requiredKeys: [...requiredKeys] });
const namespace = one('shop', 'shop', 'team', 'istio-system');
const exportTo = one(undefined, undefined, undefined, ['*'], ['.'], ['team']);
const port = one(80, 8080, 443, 3306);

const destination = some({ host: one(...MESH_HOSTS), subset: one('v1', 'v1', 'v9'), port: port.map((number) => ({ number })) }, [
  'host',
]);
const routes = fc.oneof(
  destination.map((to) => [{ destination: to }]),
  fc.tuple(destination, destination).map(([a, b]) => [
    { destination: a, weight: 20 },
    { destination: b, weight: 80 },
  ]),
);
const caller = {
  gateways: one(['mesh'], ['edge'], ['mesh', 'edge']),
  sourceLabels: one({ app: 'web' }, { app: 'no' }),
  sourceNamespace: one('shop', 'team'),
};
const matches = <T>(match: fc.Arbitrary<T>) => fc.array(match, { minLength: 1, maxLength: 2 });
const http = some({ match: matches(some({ ...caller, port, uri: one({ prefix: '/a' }, { exact: '/b' }) })), route: routes }, [
  'route',
]);
const tcp = some(
  {
    match: matches(
      some({ ...caller, port, destinationSubnets: one(['10.96.0.0/16'], ['10.96.0.1'], ['10.1.0.0/16', '10.2.0.0/16']) }),
    ),
    route: routes,
  },
  ['route'],
);
const tls = (names: readonly string[]) =>
  some(
    {
      match: matches(
        some(
          {
            ...caller,
            port,
            sniHosts: fc.subarray(
              names.map((name) => (name === '*-eu.example' ? 'x-eu.example' : name)),
              { minLength: 1 },
            ),
          },
          ['sniHosts'],
        ),
      ),
      route: routes,
    },
    ['match', 'route'],
  );

const ruleHosts = one<readonly string[]>(
  ...MESH_HOSTS.map((host) => [host]),
  ['*.example'],
  ['*'],
  ['orders'],
  ['orders.shop.svc.cluster.local', 'api.example'],
  ['10.96.0.1'],
  ['nobody.example'],
);
const virtualService = (n: number): fc.Arbitrary<object> =>
  ruleHosts
    .chain((hosts) =>
      fc.record({
        namespace,
        spec: fc.record({
          hosts: fc.constant(hosts),
          gateways: hosts[0] === '*' ? one(['edge']) : one(undefined, undefined, ['mesh'], ['edge'], ['mesh', 'shop/edge']),
          exportTo,
          routes: fc.oneof(
            fc.array(http, { minLength: 1, maxLength: 2 }).map((list) => ({ http: list })),
            fc.array(tcp, { minLength: 1, maxLength: 2 }).map((list) => ({ tcp: list })),
            fc.array(tls(hosts), { minLength: 1, maxLength: 2 }).map((list) => ({ tls: list })),
            fc.tuple(http, tcp, tls(hosts)).map(([a, b, c]) => ({ http: [a], tcp: [b], tls: [c] })),
          ),
        }),
      }),
    )
    .map(({ namespace: of, spec: { routes: kinds, ...rest } }) =>
      objectOf('VirtualService', `rule-${n}`, of, { ...rest, ...kinds }),
    );

const policy = some({
  loadBalancer: one<object>(
    { simple: 'ROUND_ROBIN' },
    { consistentHash: { httpHeaderName: 'x' } },
    { consistentHash: { useSourceIp: true } },
    { simple: 'PASSTHROUGH' },
  ),
  connectionPool: one<object>(
    { tcp: { maxConnections: 3, idleTimeout: '9s' } },
    { http: { maxRequestsPerConnection: 2, h2UpgradePolicy: 'UPGRADE' } },
  ),
  outlierDetection: one<object>({ consecutive5xxErrors: 3 }),
  tls: one<object>({ mode: 'SIMPLE', sni: 's.example', insecureSkipVerify: true }, { mode: 'DISABLE' }),
});
const destinationRule = (n: number): fc.Arbitrary<object> =>
  fc
    .record({
      namespace,
      host: one(...MESH_HOSTS, '*.example', 'orders', '*.cluster.local'),
      exportTo,
      trafficPolicy: fc
        .tuple(policy, fc.option(fc.tuple(port, policy), { nil: undefined }))
        .map(([all, level]): object | undefined => {
          const levels =
            level && Object.keys(level[1]).length > 0 ? { portLevelSettings: [{ port: { number: level[0] }, ...level[1] }] } : {};
          const whole = { ...all, ...levels };
          return Object.keys(whole).length > 0 ? whole : undefined;
        }),
      subsets: one<readonly object[]>([], [{ name: 'v1', labels: { version: 'v1' } }], [{ name: 'v1' }]),
    })
    .map(({ namespace: of, ...spec }) => objectOf('DestinationRule', `policy-${n}`, of, spec));

const imported = fc.uniqueArray(
  one(
    '*/*',
    './*',
    'team/*',
    '*/*.example',
    './*.svc.cluster.local',
    '*/api.example',
    'team/db.example',
    '~/*',
    'shop/orders.shop.svc.cluster.local',
    '*/a.wild.example',
    '*/*.wild.example',
  ),
  { minLength: 1, maxLength: 3 },
);
const sidecarPort = one(
  { number: 80, name: 'http', protocol: 'HTTP' },
  { number: 8080, name: 'http-alt', protocol: 'HTTP' },
  { number: 443, name: 'tls', protocol: 'TLS' },
  { number: 3306, name: 'tcp', protocol: 'TCP' },
  { number: 9080, name: 'http', protocol: 'HTTP' },
  { number: 9081, name: 'tcp', protocol: 'TCP' },
);
const captured = one(
  {},
  {},
  {},
  { bind: '127.0.0.1' },
  { bind: '127.0.0.1', captureMode: 'NONE' },
  { captureMode: 'NONE' },
  { captureMode: 'IPTABLES' },
);
const portNumber = (listener: object): number | undefined =>
  (listener as { readonly port?: { readonly number: number } }).port?.number;
/** Listeners with ports of their own, and last perhaps one without. */
const egress = fc
  .tuple(
    fc.uniqueArray(
      fc.tuple(imported, captured, sidecarPort).map(([hosts, how, at]): object => ({ hosts, port: at, ...how })),
      { selector: portNumber, maxLength: 2 },
    ),
    fc.option(
      imported.map((hosts): object => ({ hosts })),
      { nil: undefined },
    ),
  )
  .map(([listeners, last]) => (last === undefined ? listeners : [...listeners, last]));
const ingress = fc
  .tuple(
    sidecarPort,
    one<object>({}, {}, { bind: '10.9.9.9' }),
    one(undefined, '127.0.0.1:8081', '0.0.0.0:8082', 'unix:///run/app.sock'),
  )
  .map(([at, bind, defaultEndpoint]): object => ({
    port: at,
    ...bind,
    ...(defaultEndpoint === undefined ? {} : { defaultEndpoint }),
  }));
const sidecar = (n: number): fc.Arbitrary<object> =>
  fc
    .record({
      namespace: one('shop', 'shop', 'istio-system'),
      workloadSelector: one(undefined, undefined, { labels: { app: 'web' } }, { labels: { app: 'no' } }),
      egress: egress.map((list) => (list.length === 0 ? undefined : list)),
      ingress: fc.option(fc.uniqueArray(ingress, { selector: portNumber, minLength: 1, maxLength: 2 }), { nil: undefined }),
      outboundTrafficPolicy: one(undefined, undefined, { mode: 'REGISTRY_ONLY' }, { mode: 'ALLOW_ANY' }),
    })
    .map(({ namespace: of, ...spec }) =>
      objectOf(
        'Sidecar',
        `sidecar-${n}`,
        of,
        of === 'istio-system' ? { ...spec, workloadSelector: undefined, ingress: undefined } : spec,
      ),
    );

const server = fc
  .tuple(
    one<object>(
      { port: { number: 80, name: 'http', protocol: 'HTTP' } },
      { port: { number: 8080, name: 'http2', protocol: 'HTTP2' } },
      { port: { number: 80, name: 'http-redirect', protocol: 'HTTP' }, tls: { httpsRedirect: true } },
      {
        port: { number: 443, name: 'https', protocol: 'HTTPS' },
        tls: { mode: 'SIMPLE', serverCertificate: '/c.pem', privateKey: '/k.pem' },
      },
      { port: { number: 443, name: 'tls', protocol: 'TLS' }, tls: { mode: 'PASSTHROUGH' } },
      {
        port: { number: 443, name: 'tls-end', protocol: 'TLS' },
        tls: { mode: 'SIMPLE', serverCertificate: '/c.pem', privateKey: '/k.pem' },
      },
      { port: { number: 3306, name: 'tcp', protocol: 'TCP' } },
    ),
    fc.uniqueArray(
      one(
        '*',
        '*.example',
        'shop/*',
        './*.wild.example',
        'api.example',
        'team/orders.shop.svc.cluster.local',
        'orders.shop.svc.cluster.local',
        '10.96.0.1',
      ),
      {
        minLength: 1,
        maxLength: 2,
      },
    ),
  )
  .map(([what, hosts]): object => ({ ...what, hosts }));
const gateway = (name: string, of: string): fc.Arbitrary<object> =>
  fc
    .uniqueArray(server, {
      selector: (each) => (each as { readonly port: { readonly name: string } }).port.name,
      minLength: 1,
      maxLength: 3,
    })
    .map((servers) => objectOf('Gateway', name, of, { selector: { app: 'web' }, servers }));

const upTo = (most: number, make: (n: number) => fc.Arbitrary<object>): fc.Arbitrary<readonly object[]> =>
  fc.nat(most).chain((count) => fc.tuple(...Array.from({ length: count }, (_, n) => make(n))));

/** Anybody's mesh: one to five services of any shape under rules of all kinds, asked by a sidecar or a gateway. */
export const randomMesh: fc.Arbitrary<OracleCase> = fc
  .record({
    services: meshServices,
    rules: upTo(3, virtualService),
    policies: upTo(2, destinationRule),
    sidecars: upTo(2, sidecar),
    gateways: fc
      .tuple(
        gateway('edge', 'shop'),
        upTo(1, () => gateway('edge', 'team')),
      )
      .map(([own, more]) => [own, ...more]),
    type: one('sidecar', 'sidecar', 'sidecar', 'router'),
    metadata: one<object>({}, {}, {}, { INTERCEPTION_MODE: 'TPROXY' }, { INTERCEPTION_MODE: 'NONE' }),
    registryOnly: fc.nat(3).map((x) => x === 0),
    locality: one('', 'eu/a', 'us/a/x'),
  })
  .map(({ services, rules, policies, sidecars, gateways, type, metadata, registryOnly, locality }) => {
    const header = {
      node: { type, labels: { app: 'web' }, locality, metadata: type === 'sidecar' ? metadata : {} },
      mesh: registryOnly ? { outboundTrafficPolicy: { mode: 'REGISTRY_ONLY' } } : {},
      shows: {},
    };
    const objects = [...services, ...rules, ...policies, ...sidecars, ...(type === 'router' ? gateways : [])];
    // JSON is YAML, and what is undefined is not in it.
    return parseCase(
      'random',
      ['# At random.\n' + JSON.stringify(header), ...objects.map((each) => JSON.stringify(each))].join('\n---\n'),
    );
  });
