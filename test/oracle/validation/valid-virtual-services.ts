import type { WrittenSpec } from './written-spec.ts';

const to = (host: string, more: object = {}) => ({ destination: { host, ...more } });
const vs = (spec: object): WrittenSpec => ({ kind: 'VirtualService', spec: { hosts: ['orders'], ...spec } });

/** VirtualServices that Istio takes. */
export const VALID_VIRTUAL_SERVICES: readonly WrittenSpec[] = [
  vs({ http: [{ route: [to('orders')] }] }),
  vs({
    gateways: ['mesh', 'shop/front'],
    exportTo: ['.'],
    http: [
      {
        name: 'canary',
        match: [
          {
            name: 'users',
            uri: { regex: '/orders/[0-9]+' },
            scheme: { exact: 'http' },
            method: { exact: 'GET' },
            authority: { prefix: 'orders' },
            headers: { 'x-user': { regex: '^(a|b)+$' }, cookie: { exact: 'a=b' } },
            withoutHeaders: { 'x-bot': { regex: '*' }, 'x-old': {} },
            queryParams: { v: { prefix: '2' } },
            port: 80,
            sourceLabels: { app: 'web', 'team.io/name': 'a_b' },
            sourceNamespace: 'shop',
            gateways: ['mesh'],
            ignoreUriCase: true,
            statPrefix: 'x',
          },
          { uri: { prefix: '/' } },
        ],
        route: [
          {
            ...to('orders', { subset: 'v2', port: { number: 8080 } }),
            weight: 10,
            headers: {
              request: { set: { 'x-a': '%HOSTNAME%' }, add: { host: 'b' }, remove: ['x-c'] },
              response: { set: { 'x-d': '100%%' }, remove: ['x-e'] },
            },
          },
          { ...to('orders', { subset: 'v1' }), weight: 90 },
        ],
        timeout: '1m30s',
        retries: {
          attempts: 3,
          perTryTimeout: '2s',
          retryOn: '5xx,503,connect-failure',
          retryRemoteLocalities: true,
          backoff: '25ms',
        },
        fault: { delay: { fixedDelay: '5s', percentage: { value: 0.1 } }, abort: { httpStatus: 503, percentage: { value: 10 } } },
        mirror: { host: 'audit' },
        mirrorPercentage: { value: 50 },
        corsPolicy: {
          allowOrigins: [{ exact: 'https://a' }, { regex: 'https://.*' }],
          allowMethods: ['GET', '*'],
          allowHeaders: ['x-a', '*'],
          exposeHeaders: ['x-b'],
          maxAge: '24h',
          allowCredentials: true,
        },
        headers: { request: { set: { 'x-f': 'a %REQ(x)% b' } }, response: { add: { 'x-g': '%DYNAMIC_METADATA(["a", "b"])%' } } },
        rewrite: { uri: '/v2', authority: 'orders.internal' },
      },
      { route: [to('orders')] },
    ],
  }),
  vs({
    http: [
      {
        match: [{ uri: { prefix: '/old' } }],
        redirect: { uri: '/new', authority: 'x.example.com', redirectCode: 308, scheme: 'https', port: 8443 },
      },
      { directResponse: { status: 404, body: { string: 'none' } } },
    ],
  }),
  vs({ http: [{ match: [{ uri: { prefix: '/old' } }], redirect: { prefixRewrite: '/new', derivePort: 'FROM_REQUEST_PORT' } }] }),
  vs({
    http: [
      {
        route: [to('orders')],
        rewrite: { uriRegexRewrite: { match: '^/a/(\\d+)', rewrite: '/b/\\1' } },
        mirrors: [{ destination: { host: 'audit' }, percentage: { value: 1 } }],
        fault: { abort: { grpcStatus: 'UNAVAILABLE' } },
      },
    ],
  }),
  vs({
    http: [{ match: [{ uri: { prefix: '/a' } }], delegate: { name: 'inner', namespace: 'shop' } }, { route: [to('orders')] }],
  }),
  { kind: 'VirtualService', spec: { http: [{ route: [to('orders')] }] } },
  {
    kind: 'VirtualService',
    spec: {
      hosts: ['*'],
      gateways: ['front'],
      http: [{ match: [{ headers: { '@request.auth.claims.sub': { exact: 'a' } } }], route: [to('orders')] }],
    },
  },
  {
    kind: 'VirtualService',
    spec: {
      hosts: ['*.example.com', '10.0.0.1'],
      tcp: [
        {
          match: [
            { destinationSubnets: ['10.0.0.0/8', '2001:db8::1'], port: 3306, sourceLabels: { app: 'a' }, gateways: ['mesh'] },
          ],
          route: [
            { ...to('db'), weight: 1 },
            { ...to('db2'), weight: 1 },
          ],
        },
      ],
      tls: [
        {
          match: [
            {
              sniHosts: ['a.example.com'],
              destinationSubnets: ['10.0.0.0/8'],
              port: 443,
              sourceLabels: { app: 'a' },
              gateways: ['mesh'],
            },
          ],
          route: [to('a')],
        },
      ],
    },
  },
  {
    kind: 'VirtualService',
    spec: {
      hosts: ['outbound_.80_._.orders.shop'],
      gateways: ['front'],
      tls: [{ match: [{ sniHosts: ['outbound_.80_._.orders.shop'] }], route: [to('orders')] }],
    },
  },
];
