import { expect, test } from '@jest/globals';
import { fromJson } from '@bufbuild/protobuf';
import { VirtualServiceSchema } from '@isthmus/proto/istio';
import { HEALTH_CHECK_ANNOTATION, parseHealthCheck } from './clusters/health-checks.ts';
import { ruleDiagnostics, sniDiagnostics } from './rule-diagnostics.ts';
import { ruleOf } from './testing/sketches.ts';

test.each([
  ['{path: /health}', { check: { kind: 'http', path: '/health', host: '' }, interval: 10_000, timeout: 5_000, port: undefined }],
  ['{"path": "/a?b=1", "host": "x.example"}', { check: { kind: 'http', path: '/a?b=1', host: 'x.example' } }],
  ['tcp: true', { check: { kind: 'tcp' } }],
  ['{grpc: orders.v1.Orders, interval: 500ms}', { check: { kind: 'grpc', service: 'orders.v1.Orders' }, interval: 500 }],
  ["{grpc: '', port: 9090}", { check: { kind: 'grpc', service: '' }, port: 9090 }],
  ['{tcp: true, unhealthyThreshold: 1, healthyThreshold: 5}', { unhealthyThreshold: 1, healthyThreshold: 5 }],
])('a check written as %s is understood', (text, expected) => {
  expect(parseHealthCheck(text)).toMatchObject(expected);
});

test.each([
  ['', 'no map'],
  ['/health', 'no map'],
  ['[1]', 'no map'],
  ['{path: /health', 'no YAML'],
  ['{}', 'one of path, tcp and grpc'],
  ['{path: /health, tcp: true}', 'one of path, tcp and grpc'],
  ['{path: health}', 'path does not begin'],
  ['{path: "/a b"}', 'path does not begin'],
  ['{path: /, host: "a b"}', 'host is no host name'],
  ['{path: /, every: 5s}', '"every" is none of'],
  ['{path: /, interval: 5}', 'interval is no duration'],
  ['{path: /, interval: 1ms}', 'interval is no duration'],
  ['{path: /, timeout: soon}', 'timeout is no duration'],
  ['{path: /, port: 70000}', 'port is not'],
  ['{path: /, unhealthyThreshold: 0}', 'unhealthyThreshold is not'],
  ['{path: /, healthyThreshold: 1.5}', 'healthyThreshold is not'],
  ['{path: &a /x, host: *a}', 'no YAML'],
  [`{path: /${'x'.repeat(3_000)}}`, 'more than 2000 characters'],
])('a check written as %s is refused, and the rule says why', (text, why) => {
  expect(parseHealthCheck(text)).toMatchObject({ problem: expect.stringContaining(why) });
  const said = ruleDiagnostics(ruleOf({}, { [HEALTH_CHECK_ANNOTATION]: text }));
  expect(said).toMatchObject([
    { code: 'istio.warning', what: expect.stringContaining(why), meaning: 'instances are not checked' },
  ]);
});

test('what cannot be done without an authority or secrets is said once for each place', () => {
  const rule = ruleOf({
    trafficPolicy: {
      tls: { mode: 'ISTIO_MUTUAL' },
      portLevelSettings: [{ port: { number: 80 }, tls: { mode: 'ISTIO_MUTUAL' } }],
    },
    subsets: [
      { name: 'v1', trafficPolicy: { tls: { mode: 'SIMPLE', credentialName: 'x' }, tunnel: { targetHost: 'a', targetPort: 1 } } }, // a tunnel can be had
      { name: 'v2', trafficPolicy: { tls: { mode: 'SIMPLE' } } },
    ],
  });
  expect(ruleDiagnostics(rule).map(({ what }) => what)).toEqual([
    expect.stringMatching(/^trafficPolicy: tls.mode ISTIO_MUTUAL/),
    expect.stringMatching(/^subset v1: tls.credentialName/),
  ]);
});

test('server names that Envoy would refuse with the whole listener are said once each', () => {
  const match = [{ sniHosts: ['*-eu.example', '*.example', 'a.example'] }, { sniHosts: ['*-eu.example'] }];
  const spec = fromJson(VirtualServiceSchema, { hosts: ['*.example'], tls: [{ match }] });
  expect(sniDiagnostics({ ...ruleOf({}), kind: 'VirtualService', spec })).toMatchObject([
    { code: 'istio.warning', where: 'test', what: expect.stringContaining('"*-eu.example"') },
  ]);
});
