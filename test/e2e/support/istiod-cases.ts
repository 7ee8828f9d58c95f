import { istioObject, serviceEntry } from './istio-files.ts';
import type { IstioObject, ServiceInstance } from './istio-files.ts';

/** One kind of call, and the rule that it shows. */
export interface RuleCase {
  /** A sentence about what happens. */
  readonly name: string;
  /** `http` of a VirtualService for the host of the case; left out: no rule. Subsets are named as the instances. */
  readonly http?: readonly object[];
  /** Of a DestinationRule for the host of the case. */
  readonly policy?: object;
  /** Whose the service is; default all three. */
  readonly instances?: readonly string[];
  /** Further objects. */
  readonly more?: readonly IstioObject[];
  readonly call?: CaseCall;
  /** How many times; default 1. */
  readonly times?: number;
  /** Each time a header of its own. */
  readonly each?: { readonly header: string; readonly values: readonly string[] };
  /** Shares in percent by who answers (or by status): compared within 5 points. Without: every outcome is compared. */
  readonly shares?: Readonly<Record<string, number>>;
  /** Which instance is tried first is chance, or the text of a refusal is ours: how often who answered is compared, not each request. */
  readonly isChance?: boolean;
  /** Who answers behind istiod, where that is another by design. */
  readonly istiodBy?: string;
  /** What at least must be so, so that two empty outcomes prove nothing: the first call's status, and attempts at the instances. */
  readonly expects: { readonly status: number; readonly by?: string; readonly attempts?: number };
}

export interface CaseCall {
  readonly path?: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** In place of the case's own; `$HOST` is that, in capitals. */
  readonly host?: string;
}

export const hostOf = (at: number): string => `case-${at}.test`;
/** The host of the case that is being made: stands in its rules. */
const HOST = '$HOST';

const to = (subset: string, more: object = {}): object => ({ destination: { host: HOST, subset }, ...more });
const route = (subset: string, more: object = {}): object => ({ route: [to(subset)], ...more });
const on = (match: object, subset: string, more: object = {}): object => ({ match: [match], ...route(subset, more) });
const ORIGIN = { origin: 'https://shop.test' };
const CORS = {
  corsPolicy: {
    allowOrigins: [{ exact: 'https://shop.test' }],
    allowMethods: ['GET', 'PUT'],
    allowHeaders: ['x-a'],
    maxAge: '60s',
  },
};
const users = Array.from({ length: 24 }, (_, n) => `user-${n}`);

export const CASES: readonly RuleCase[] = [
  { name: 'without a rule all instances answer', times: 900, shares: { v1: 33.3, v2: 33.3, v3: 33.3 }, expects: { status: 200 } },
  {
    name: 'uri exact',
    http: [on({ uri: { exact: '/a' } }, 'v2'), route('v1')],
    call: { path: '/a' },
    expects: { status: 200, by: 'v2' },
  },
  {
    name: 'uri exact, another path',
    http: [on({ uri: { exact: '/a' } }, 'v2'), route('v1')],
    call: { path: '/a/' },
    expects: { status: 200, by: 'v1' },
  },
  {
    name: 'uri prefix',
    http: [on({ uri: { prefix: '/a' } }, 'v2'), route('v1')],
    call: { path: '/ab?x=1' },
    expects: { status: 200, by: 'v2' },
  },
  {
    name: 'uri regex',
    http: [on({ uri: { regex: '/i/[0-9]+' } }, 'v3'), route('v1')],
    call: { path: '/i/42' },
    expects: { status: 200, by: 'v3' },
  },
  {
    name: 'uri whatever its case',
    http: [on({ uri: { prefix: '/Api' }, ignoreUriCase: true }, 'v2'), route('v1')],
    call: { path: '/aPI/x' },
    expects: { status: 200, by: 'v2' },
  },
  { name: 'no route for this path', http: [on({ uri: { exact: '/a' } }, 'v1')], call: { path: '/b' }, expects: { status: 404 } },
  {
    name: 'header exact',
    http: [on({ headers: { 'x-user': { exact: 'anna' } } }, 'v2'), route('v1')],
    call: { headers: { 'x-user': 'anna' } },
    expects: { status: 200, by: 'v2' },
  },
  {
    name: 'header regex',
    http: [on({ headers: { 'x-user': { regex: '^(a|b).*' } } }, 'v2'), route('v1')],
    call: { headers: { 'x-user': 'bert' } },
    expects: { status: 200, by: 'v2' },
  },
  {
    name: 'header present',
    http: [on({ headers: { 'x-user': {} } }, 'v2'), route('v1')],
    call: { headers: { 'x-user': 'x' } },
    expects: { status: 200, by: 'v2' },
  },
  {
    name: 'without a header',
    http: [on({ withoutHeaders: { 'x-user': { exact: 'anna' } } }, 'v2'), route('v1')],
    call: { headers: { 'x-user': 'anna' } },
    expects: { status: 200, by: 'v1' },
  },
  {
    name: 'query exact',
    http: [on({ queryParams: { v: { exact: '2' } } }, 'v2'), route('v1')],
    call: { path: '/?a=1&v=2' },
    expects: { status: 200, by: 'v2' },
  },
  {
    name: 'query regex',
    http: [on({ queryParams: { v: { regex: '[0-9]+' } } }, 'v2'), route('v1')],
    call: { path: '/?v=x' },
    expects: { status: 200, by: 'v1' },
  },
  {
    name: 'method',
    http: [on({ method: { exact: 'PUT' } }, 'v2'), route('v1')],
    call: { method: 'PUT' },
    expects: { status: 200, by: 'v2' },
  },
  {
    name: 'all of one match, any of several',
    http: [
      { match: [{ uri: { prefix: '/x' }, method: { exact: 'PUT' } }, { headers: { 'x-b': { prefix: 'y' } } }], ...route('v3') },
      route('v1'),
    ],
    call: { path: '/x', headers: { 'x-b': 'yes' } },
    expects: { status: 200, by: 'v3' },
  },
  {
    name: 'labels of the caller',
    http: [on({ sourceLabels: { app: 'web' } }, 'v2'), on({ sourceLabels: { app: 'other' } }, 'v3'), route('v1')],
    expects: { status: 200, by: 'v2' },
  },
  {
    name: 'another gateway is not the mesh',
    http: [on({ gateways: ['edge'] }, 'v2'), on({ gateways: ['mesh'] }, 'v1')],
    expects: { status: 200, by: 'v1' },
  },
  {
    name: 'the port of the service',
    http: [on({ port: 80 }, 'v2'), route('v1')],
    expects: { status: 200, by: 'v2' },
    // Its explicit proxy compares with the port of the route, which is none (docs/facts.md).
    istiodBy: 'v1',
  },
  {
    name: 'rewrite of a prefix',
    http: [on({ uri: { prefix: '/old/' } }, 'v1', { rewrite: { uri: '/new/' } })],
    call: { path: '/old/a?b=1' },
    expects: { status: 200, by: 'v1' },
  },
  {
    name: 'rewrite of the authority',
    http: [route('v1', { rewrite: { authority: 'inner.test' } })],
    expects: { status: 200, by: 'v1' },
  },
  {
    name: 'rewrite by a regular expression',
    http: [route('v1', { rewrite: { uriRegexRewrite: { match: '/item/([0-9]+)', rewrite: '/i-\\1' } } })],
    call: { path: '/item/42/x' },
    expects: { status: 200, by: 'v1' },
  },
  {
    name: 'redirect to another host and path',
    http: [{ redirect: { authority: 'new.test', uri: '/moved', redirectCode: 307 } }],
    call: { path: '/x' },
    expects: { status: 307 },
  },
  {
    name: 'redirect of a prefix to https',
    http: [{ match: [{ uri: { prefix: '/a' } }], redirect: { uri: '/b', scheme: 'https' } }],
    call: { path: '/a' },
    expects: { status: 301 },
  },
  {
    name: 'an answer of the proxy',
    http: [{ directResponse: { status: 410, body: { string: 'gone' } } }],
    expects: { status: 410 },
  },
  {
    name: 'header operations on the request',
    http: [route('v1', { headers: { request: { set: { 'x-a': 'set' }, add: { 'x-b': 'more' }, remove: ['x-c'] } } })],
    call: { headers: { 'x-a': 'mine', 'x-b': 'one', 'x-c': 'mine' } },
    expects: { status: 200, by: 'v1' },
  },
  {
    name: 'header operations on the response',
    http: [
      route('v1', { headers: { response: { set: { 'x-instance': 'hidden' }, add: { 'x-more': 'yes' }, remove: ['x-secret'] } } }),
    ],
    expects: { status: 200, by: 'v1' },
  },
  {
    name: 'header operations of one destination',
    http: [
      { route: [to('v2', { headers: { request: { set: { 'x-a': 'there' } }, response: { set: { 'x-more': 'there' } } } })] },
    ],
    expects: { status: 200, by: 'v2' },
  },
  { name: 'a subset', http: [route('v3')], times: 6, expects: { status: 200, by: 'v3' } },
  { name: 'a subset that nobody is in', http: [route('v9')], expects: { status: 503 } },
  {
    name: 'a copy to another subset',
    http: [route('v1', { mirror: { host: HOST, subset: 'v3' } })],
    call: { path: '/copied' },
    expects: { status: 200, by: 'v1' },
  },
  {
    name: 'a copy of none',
    http: [route('v1', { mirror: { host: HOST, subset: 'v3' }, mirrorPercentage: { value: 0 } })],
    expects: { status: 200, by: 'v1' },
  },
  {
    name: 'an abort',
    http: [route('v1', { fault: { abort: { httpStatus: 418, percentage: { value: 100 } } } })],
    expects: { status: 418 },
  },
  {
    name: 'an abort of a part',
    http: [route('v1', { fault: { abort: { httpStatus: 418, percentage: { value: 40 } } } })],
    times: 1_000,
    shares: { v1: 60, 'status 418': 40 },
    expects: { status: 0 },
  },
  {
    name: 'a timeout',
    http: [route('v1', { timeout: '0.3s' })],
    call: { headers: { 'x-ask': 'v1:hang' } },
    expects: { status: 504, attempts: 1 },
  },
  {
    name: 'by default a connection that is refused is tried elsewhere',
    instances: ['v1', 'down'],
    times: 30,
    isChance: true,
    expects: { status: 200, by: 'v1' },
  },
  {
    name: 'no retry of 503 by default',
    http: [route('v1')],
    call: { headers: { 'x-ask': 'v1:503' } },
    expects: { status: 503, attempts: 1 },
  },
  {
    name: 'no retry of 500 by default',
    http: [route('v1')],
    call: { headers: { 'x-ask': 'v1:500' } },
    expects: { status: 500, attempts: 1 },
  },
  {
    name: 'four retries of any 5xx',
    http: [route('v1', { retries: { attempts: 4, retryOn: '5xx' } })],
    call: { headers: { 'x-ask': 'v1:500' } },
    expects: { status: 500, attempts: 5 },
  },
  {
    name: 'no retries',
    http: [route('v1', { retries: { attempts: 0 } })],
    call: { headers: { 'x-ask': 'v1:503' } },
    expects: { status: 503, attempts: 1 },
  },
  {
    name: 'a retry goes to another instance',
    instances: ['v1', 'v2'],
    http: [{ route: [{ destination: { host: HOST } }], retries: { attempts: 2, retryOn: '503' } }],
    call: { headers: { 'x-ask': 'v1:503' } },
    times: 20,
    isChance: true,
    expects: { status: 200, by: 'v2' },
  },
  {
    name: 'a time for each try',
    http: [route('v1', { timeout: '10s', retries: { attempts: 2, perTryTimeout: '0.2s', retryOn: 'gateway-error' } })],
    call: { headers: { 'x-ask': 'v1:hang' } },
    expects: { status: 504, attempts: 3 },
  },
  {
    name: 'a retry of a connection that broke',
    http: [route('v1', { retries: { attempts: 2, retryOn: 'reset' } })],
    call: { headers: { 'x-ask': 'v1:reset' } },
    expects: { status: 503, attempts: 3 },
  },
  {
    name: 'a preflight that is allowed',
    http: [route('v1', CORS)],
    call: { method: 'OPTIONS', headers: { ...ORIGIN, 'access-control-request-method': 'PUT' } },
    expects: { status: 200, attempts: 0 },
  },
  {
    name: 'a preflight of another origin',
    http: [route('v1', CORS)],
    call: { method: 'OPTIONS', headers: { origin: 'https://evil.test', 'access-control-request-method': 'PUT' } },
    expects: { status: 200 },
  },
  { name: 'an answer across origins', http: [route('v1', CORS)], call: { headers: ORIGIN }, expects: { status: 200, by: 'v1' } },
  {
    name: 'weights',
    http: [{ route: [to('v1', { weight: 70 }), to('v2', { weight: 20 }), to('v3', { weight: 10 })] }],
    times: 1_500,
    shares: { v1: 70, v2: 20, v3: 10 },
    expects: { status: 200 },
  },
  {
    name: 'stickiness by header',
    policy: { loadBalancer: { consistentHash: { httpHeaderName: 'x-user' } } },
    each: { header: 'x-user', values: [...users, ...users] },
    expects: { status: 200 },
  },
  {
    name: 'stickiness by query parameter',
    policy: { loadBalancer: { consistentHash: { httpQueryParameterName: 'user' } } },
    call: { path: '/?user=anna' },
    times: 10,
    expects: { status: 200 },
  },
  {
    name: 'stickiness by Maglev',
    policy: { loadBalancer: { consistentHash: { httpHeaderName: 'x-user', maglev: { tableSize: 1009 } } } },
    each: { header: 'x-user', values: users },
    expects: { status: 200 },
  },
  {
    name: 'an instance that fails is ejected',
    instances: ['v1', 'v2'],
    http: [{ route: [{ destination: { host: HOST } }], retries: { attempts: 0 } }],
    policy: {
      loadBalancer: { simple: 'ROUND_ROBIN' },
      outlierDetection: { consecutive5xxErrors: 3, interval: '60s', baseEjectionTime: '600s', maxEjectionPercent: 100 },
    },
    call: { headers: { 'x-ask': 'v1:500' } },
    times: 20,
    isChance: true,
    expects: { status: 0 },
  },
  {
    name: 'a rule for a wildcard',
    instances: ['v2'],
    more: [
      serviceEntryLater('one.wild.test'),
      istioObject('VirtualService', 'wild', {
        hosts: ['*.wild.test'],
        http: [{ headers: { response: { set: { 'x-more': 'wild' } } }, route: [{ destination: { host: 'one.wild.test' } }] }],
      }),
    ],
    call: { host: 'one.wild.test' },
    expects: { status: 200 },
  },
  { name: 'a host that nobody has', call: { host: 'nobody.test' }, isChance: true, expects: { status: 502 } },
  {
    name: 'a host in capitals with its port',
    http: [route('v2')],
    call: { host: `${HOST}:80` },
    expects: { status: 200, by: 'v2' },
  },
  {
    name: 'a delegate',
    http: [{ match: [{ uri: { prefix: '/d' } }], delegate: { name: 'delegate' } }, route('v1')],
    more: [
      istioObject('VirtualService', 'delegate', {
        http: [on({ uri: { prefix: '/d/2' } }, 'v2'), on({ uri: { prefix: '/d' } }, 'v3')],
      }),
    ],
    call: { path: '/d/2' },
    expects: { status: 200, by: 'v2' },
  },
];

/** Its instances are filled in with the case's. */
function serviceEntryLater(host: string): IstioObject {
  return serviceEntry(host, []);
}

/** A case's objects, with its host and its instances in them. */
export function objectsOf(at: number, all: readonly ServiceInstance[]): readonly object[] {
  const { http, policy, instances = ['v1', 'v2', 'v3'], more = [] } = CASES[at] as RuleCase;
  const host = hostOf(at);
  const members = all.filter(({ name }) => instances.includes(name));
  const subsets = instances.map((name) => ({ name, labels: { version: name } }));
  const objects = [
    serviceEntry(host, members),
    istioObject('DestinationRule', `case-${at}`, { host, subsets, ...(policy && { trafficPolicy: policy }) }),
    ...(http === undefined ? [] : [istioObject('VirtualService', `case-${at}`, { hosts: [host], http })]),
    ...more.map((object) => {
      const [other] = (object.spec as { hosts?: readonly string[] }).hosts ?? [];
      return object.kind === 'ServiceEntry' ? serviceEntry(other as string, members) : object;
    }),
  ];
  return JSON.parse(JSON.stringify(objects).replaceAll(HOST, host)) as object[];
}
