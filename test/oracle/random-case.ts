import fc from 'fast-check';
import { parseCase } from './oracle-case.ts';
import type { OracleCase } from './oracle-case.ts';
import { HOSTS, longHost, plainRoutes, rootRoutes } from './random-routes.ts';
import type { Host } from './random-routes.ts';

// Few services and many rules for them: what is named twice, seen from elsewhere, or matched by a wildcard is where order counts.

const port = (number: number, protocol: string) => ({ number, name: `${protocol.toLowerCase()}-${number}`, protocol });
const service = fc.record({
  host: fc.constantFrom(...HOSTS),
  ports: fc.constantFrom(
    [port(80, 'HTTP')],
    [port(8080, 'HTTP')],
    [port(80, 'HTTP'), port(8080, 'GRPC')],
    [port(80, 'TCP'), port(8080, 'HTTP')],
  ),
  hasAddress: fc.boolean(),
});
const hosts = fc.oneof(
  fc.uniqueArray(fc.constantFrom(...HOSTS.map(longHost), 'alias.example'), { minLength: 1, maxLength: 3 }),
  fc.constantFrom(['orders'], ['orders', 'payments'], ['*.wild.example'], ['*.example'], ['*.wild.example', 'orders']),
);
const rule = fc.record({
  namespace: fc.constantFrom('shop', 'shop', 'other'),
  year: fc.constantFrom(undefined, 2024, 2025),
  spec: fc.record({
    hosts,
    gateways: fc.constantFrom(undefined, undefined, ['mesh'], ['edge'], ['mesh', 'edge'], ['other/edge']),
    exportTo: fc.constantFrom(undefined, undefined, ['*'], ['.'], ['shop'], ['other']),
    http: rootRoutes,
  }),
});
const hash = fc
  .constantFrom(
    { httpHeaderName: 'x' },
    { httpCookie: { name: 'c', ttl: '0s' } },
    { useSourceIp: true },
    { httpQueryParameterName: 'q' },
  )
  .map((consistentHash) => ({ loadBalancer: { consistentHash } }));
const destinationRule = fc
  .record({ host: fc.constantFrom(...HOSTS, '*.example'), all: hash, one: hash, subset: hash, hasPolicy: fc.boolean() })
  .map(({ host, all, one, subset, hasPolicy }) => ({
    host,
    ...(hasPolicy ? { trafficPolicy: { ...all, portLevelSettings: [{ port: { number: 8080 }, ...one }] } } : {}),
    subsets: [
      { name: 'v1', labels: { version: 'v1' }, trafficPolicy: subset },
      { name: 'v2', labels: { version: 'v2' } },
    ],
  }));

/** Services in two namespaces, up to four rules, two delegates, two DestinationRules; asked by a sidecar, a gateway or a gRPC client. */
export const randomCase: fc.Arbitrary<OracleCase> = fc
  .record({
    services: fc.uniqueArray(service, { selector: ({ host }) => host, minLength: 1, maxLength: 6 }),
    rules: fc.array(rule, { minLength: 1, maxLength: 4 }),
    parts: fc.tuple(plainRoutes, plainRoutes),
    destinationRules: fc.array(destinationRule, { maxLength: 2 }),
    asks: fc.constantFrom('sidecar' as const, 'sidecar' as const, 'router' as const, 'grpc' as const),
  })
  .map(({ services, rules, parts, destinationRules, asks }) => {
    const grpc = asks === 'grpc' ? { GENERATOR: 'grpc' } : {};
    const dialled = services.flatMap(({ host, ports }) =>
      ports.filter(({ protocol }) => protocol !== 'TCP').map(({ number }) => `${longHost(host)}:${number}`),
    );
    const header = {
      node: { type: asks === 'router' ? 'router' : 'sidecar', labels: { app: 'web' }, metadata: grpc },
      dials: asks === 'grpc' ? dialled : [],
      shows: {},
    };
    const objects = [
      ...services.map((each) => object('ServiceEntry', each.host, namespaceOf(each.host), serviceEntry(each))),
      ...rules.map(({ namespace, year, spec }, n) => object('VirtualService', `rule-${n}`, namespace, spec, year)),
      ...parts.map((http, n) => object('VirtualService', 'part', n === 0 ? 'shop' : 'other', { http })),
      ...destinationRules.map((spec, n) => object('DestinationRule', `rule-${n}`, 'shop', spec)),
      ...(asks === 'router' ? GATEWAYS : []),
    ];
    // JSON is YAML, and what is undefined is not in it.
    return parseCase(
      'random',
      ['# At random.\n' + JSON.stringify(header), ...objects.map((each) => JSON.stringify(each))].join('\n---\n'),
    );
  });

const GATEWAYS = [
  gateway('shop', ['*']),
  gateway('other', ['shop/*.example', '*.wild.example', './orders.other.svc.cluster.local']),
];

function gateway(namespace: string, served: readonly string[]): object {
  const spec = { selector: { app: 'web' }, servers: [{ port: { number: 80, name: 'http', protocol: 'HTTP' }, hosts: served }] };
  return object('Gateway', 'edge', namespace, spec);
}

function serviceEntry({
  host,
  ports,
  hasAddress,
}: {
  readonly host: Host;
  readonly ports: readonly object[];
  readonly hasAddress: boolean;
}): object {
  return {
    hosts: [longHost(host)],
    location: 'MESH_INTERNAL',
    resolution: 'STATIC',
    ports,
    ...(hasAddress ? { addresses: [`10.96.0.${HOSTS.indexOf(host) + 1}`] } : {}),
    endpoints: [{ address: '10.1.0.1', labels: { version: 'v1' } }],
  };
}

function namespaceOf(host: Host): string {
  return host === 'orders.other' ? 'other' : 'shop';
}

function object(kind: string, name: string, namespace: string, spec: object, year?: number): object {
  const created = year === undefined ? {} : { creationTimestamp: `${year}-01-01T00:00:00Z` };
  return { apiVersion: 'networking.istio.io/v1', kind, metadata: { name, namespace, ...created }, spec };
}
