import { on, route } from './rule-case.ts';
import type { RuleCase } from './rule-case.ts';

/** Which requests a route is for. */
export const MATCHES: readonly RuleCase[] = [
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
];
