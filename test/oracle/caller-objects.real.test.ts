import { expect, test } from '@jest/globals';
import { POLICIES, RUNGS, handOverOf, positionOf } from '@isthmus/ladder';
import { parseIstioYaml } from '@isthmus/policy';
import type { IstioObject } from '@isthmus/proto/istio';
import { callerObjects } from '@isthmus/translate';
import type { CallersEntry } from '@isthmus/translate';
import { meshService } from '@isthmus/translate/testing';
import { istioVerdicts } from './istio-validator.ts';

const HOST = 'orders.shop.svc.cluster.local';
const RULES = `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: orders, namespace: shop }
spec:
  hosts: [${HOST}]
  http:
    - match: [{ uri: { prefix: /v2 }, headers: { x-a: { exact: b } } }, { sourceLabels: { tier: front } }]
      timeout: 3s
      retries: { attempts: 2 }
      headers: { request: { remove: [x-debug] } }
      route: [{ destination: { host: ${HOST}, subset: v2 } }]
    - match: [{ uri: { exact: /old } }]
      redirect: { uri: /new }
    - route: [{ destination: { host: ${HOST}, subset: v1 } }]
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: orders, namespace: shop }
spec:
  host: ${HOST}
  trafficPolicy:
    connectionPool: { tcp: { maxConnections: 7 }, http: { http2MaxRequests: 9, idleTimeout: 5s } }
    outlierDetection: { consecutive5xxErrors: 7 }
    portLevelSettings: [{ port: { number: 80 }, outlierDetection: { consecutive5xxErrors: 7 } }]
  subsets: [{ name: v1, labels: { version: v1 }, trafficPolicy: { outlierDetection: { interval: 5s } } }, { name: v2, labels: { version: v2 } }]
`;
const { objects } = parseIstioYaml(RULES, { file: 'rules.yaml', defaultNamespace: 'shop' });
const [virtualService, destinationRule] = objects as [IstioObject<'VirtualService'>, IstioObject<'DestinationRule'>];
const service = meshService({ host: HOST });
const place = { namespace: 'shop', virtualService, destinationRule, hasOwnRule: false };

test('Istio takes what plans leave to callers, at every rung, with rules of the service and without', async () => {
  const entries: CallersEntry[] = RUNGS.flatMap((rung) =>
    [['*'], ['web'], ['admin', 'web']].flatMap((consumers) =>
      [20, 100].flatMap((percent) => {
        const over = handOverOf(positionOf(rung, percent, ['retry']), !consumers.includes('*'));
        return over === undefined ? [] : [{ consumers, port: 80, over }];
      }),
    ),
  );
  const made = entries.flatMap((entry) => [
    ...callerObjects(service, [entry], place),
    ...callerObjects(service, [entry], { ...place, virtualService: undefined, destinationRule: undefined }),
  ]);
  expect(made.length).toBeGreaterThan(60);
  expect((await istioVerdicts(made)).filter((verdict) => verdict !== null)).toEqual([]);
}, 300_000);

test('a consumer at traffic has neither limits nor ejection left, and all else of the rule', () => {
  const over = handOverOf(positionOf('traffic', 100, POLICIES), true);
  const entry: CallersEntry = { consumers: ['web'], port: 80, over: over as CallersEntry['over'] };
  const [routes, others, rule] = callerObjects(service, [entry], place);
  expect(JSON.stringify(rule)).not.toMatch(/outlierDetection|maxConnections|http2MaxRequests/);
  expect(rule?.spec).toMatchObject({
    workloadSelector: { matchLabels: { 'service.istio.io/canonical-name': 'web' } },
    trafficPolicy: { connectionPool: { http: { idleTimeout: '5s' } } },
    subsets: [{ name: 'v1' }, { name: 'v2' }],
  });
  // A rule for some hides what the target's namespace exports from all others here.
  expect(others?.spec).toMatchObject({ exportTo: ['shop'], trafficPolicy: { outlierDetection: { consecutive5xxErrors: 7 } } });
  expect(others?.spec).not.toHaveProperty('workloadSelector');
  const spec = routes?.spec as { http: readonly { timeout?: string; retries?: object; match?: readonly object[] }[] } | undefined;
  const http = spec?.http ?? [];
  // Three marks' worth of three routes, those of the rule behind them.
  expect(http.map(({ timeout, retries }) => [timeout, retries])).toEqual([
    ['3s', { attempts: 2 }],
    [undefined, undefined],
    [undefined, undefined],
    ...[1, 2].flatMap(() => [
      [undefined, { attempts: 0 }],
      [undefined, undefined],
      [undefined, { attempts: 0 }],
    ]),
    ['3s', { attempts: 2 }],
    [undefined, undefined],
    [undefined, undefined],
  ]);
  expect(http[0]?.match).toContainEqual({
    uri: { prefix: '/v2' },
    headers: { 'x-a': { exact: 'b' }, 'x-isthmus-keeps': { exact: 'none' } },
    sourceLabels: { 'service.istio.io/canonical-name': 'web' },
  });
});
