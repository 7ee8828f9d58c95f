import type { ExplainAnswer, ExplainedHost } from '@isthmus/contract';
import { agents } from './bad-night/agents.ts';
import { policies, policiesOfWeb } from './bad-night/policies.ts';
import { healthyHost, staleHost, twoClaims } from './bad-night/explained.ts';
import { NODE, ORDERS, detail, endpoints, replica, services, sources } from './bad-night/mesh.ts';
import { proxies, proxyConfig } from './bad-night/proxies.ts';
import { conflicts, corrections, diagnostics, diff, held, publications, same, weightDiagnostics } from './bad-night/trouble.ts';
import { shadow } from './bad-night/shadow.ts';
import type { FakeRoutes } from './fake-control.ts';

const answer = (query: string, ...matches: ExplainedHost[]): { body: ExplainAnswer } => ({ body: { query, matches } });

/** A small mesh on a bad night, as the control API would tell of it. */
export const badNight: FakeRoutes = {
  'GET /api/v1/sources': { body: sources },
  'GET /api/v1/replica': { body: replica },
  'GET /api/v1/services': { body: services },
  [`GET /api/v1/services/${ORDERS}`]: { body: detail },
  'GET /api/v1/endpoints': { body: { items: endpoints } },
  'GET /api/v1/endpoints?host=orders': { body: { items: endpoints } },
  'GET /api/v1/endpoints?host=nobody': { body: { items: [] } },
  'GET /api/v1/conflicts': { body: conflicts },
  'GET /api/v1/held': { body: held },
  'GET /api/v1/corrections': { body: corrections },
  'GET /api/v1/diff': { body: diff },
  'GET /api/v1/diff?host=orders': { body: same },
  'GET /api/v1/diff?host=nobody': { body: { items: [] } },
  'GET /api/v1/shadow': { body: { items: [] } },
  'GET /api/v1/shadow?host=orders': { body: { items: [] } },
  'GET /api/v1/shadow?host=nobody': { body: { items: [] } },
  'GET /api/v1/diff?host=users': { body: { items: [] } },
  'GET /api/v1/shadow?host=users': { body: shadow },
  'GET /api/v1/publications': { body: publications },
  'GET /api/v1/export?format=publications': {
    type: 'application/yaml',
    body: 'items:\n  - to: shop\n    action: register\n    name: monolith\nfailed: []\n',
  },
  'GET /api/v1/agents': { body: agents },
  'GET /api/v1/agents/policies': { body: policies },
  'GET /api/v1/agents/policies?service=web': { body: policiesOfWeb },
  'GET /api/v1/agents/policies?service=nobody': { body: { items: [] } },
  'GET /api/v1/agents/policies?service=stock.shop': { body: { items: [] } },
  'GET /api/v1/proxies': { body: proxies },
  [`GET /api/v1/proxies/${encodeURIComponent(NODE)}/config`]: { body: proxyConfig },
  'GET /api/v1/diagnostics': { body: diagnostics },
  'GET /api/v1/diagnostics?of=weight.invalid': { body: weightDiagnostics },
  [`GET /api/v1/explain?q=${ORDERS}`]: answer(ORDERS, healthyHost),
  'GET /api/v1/explain?q=10.1.0.22': answer('10.1.0.22', staleHost),
  'GET /api/v1/explain?q=payments.mesh': answer('payments.mesh', twoClaims),
  'GET /api/v1/explain?q=%5Bfd00%3A%3A7%5D%3A8080': answer('[fd00::7]:8080', healthyHost),
  'GET /api/v1/explain?q=orders': answer('orders', healthyHost, staleHost),
  'GET /api/v1/explain?q=orders.nowhere': answer('orders.nowhere'),
  'GET /api/v1/explain?q=10.9.9.9': answer('10.9.9.9'),
  'GET /api/v1/export?format=istio': {
    type: 'application/yaml',
    body: 'apiVersion: networking.istio.io/v1\nkind: ServiceEntry\n',
  },
  'GET /api/v1/export?format=json': { body: { items: [] } },
};
