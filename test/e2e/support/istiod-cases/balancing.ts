import { HOST, on, route, to } from './rule-case.ts';
import type { RuleCase } from './rule-case.ts';
import { istioObject, serviceEntry } from '../istio-files.ts';
import type { IstioObject } from '../istio-files.ts';

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

/** CORS, weights, stickiness, ejection, and hosts of their own kind. */
export const BALANCING: readonly RuleCase[] = [
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
    ejects: true,
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
