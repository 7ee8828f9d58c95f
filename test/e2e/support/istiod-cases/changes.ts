import { HOST, on, route, to } from './rule-case.ts';
import type { RuleCase } from './rule-case.ts';

/** What a route does to a request, its answer, and where it goes. */
export const CHANGES: readonly RuleCase[] = [
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
];
