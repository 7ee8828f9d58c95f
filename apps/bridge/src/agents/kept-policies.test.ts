import { afterEach, expect, test } from '@jest/globals';
import { parseConfig } from '@isthmus/config';
import type { Migration } from '@isthmus/plans';
import type { ConfigPlace, ConfigWatcher, RegistryKind } from '@isthmus/registry';
import { z } from 'zod';
import type { BridgeConfig } from '../engine/bridge-config.ts';
import type { TargetFacts } from '../plans/target-facts.ts';
import { liftedPolicies, lossyPolicies, policyViews } from './lifted-policies.ts';
import { WatchedPolicies } from './kept-policies.ts';

const WHERE = 'shop/public/SENTINEL_GROUP/web-flow-rules';
const FLOW = { resource: 'stock', grade: 0, count: 20, limitApp: 'mobile' };

const ended = new AbortController();
afterEach(() => void watches.splice(0));
const watches: { readonly place: ConfigPlace; readonly watcher: ConfigWatcher; readonly signal: AbortSignal }[] = [];
const kind: RegistryKind = {
  kind: 'plain',
  schema: z.object({ name: z.string(), kind: z.literal('plain'), at: z.string().default('a') }),
  createSource: () => {
    throw new Error('not read here');
  },
  doctor: async () => [],
  watchConfigs: async (_, place, __, watcher, signal) => void watches.push({ place, watcher, signal }),
};

function config(app: object = {}, registry: object = {}, more: object = {}): BridgeConfig {
  const text = JSON.stringify({
    version: 1,
    meshId: 'test',
    registries: [{ name: 'shop', kind: 'plain', ...registry }],
    outputs: { xds: { listen: '127.0.0.1:0' } },
    policies: {
      sentinel: [{ registry: 'shop', apps: { web: { service: 'web', targets: { stock: 'stock.shop' }, ...app } } }],
      ...more,
    },
  });
  const parsed = parseConfig('isthmus.yaml', new TextEncoder().encode(text), { kinds: [kind] });
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  return parsed.config;
}

/** The rules, what they are asked by, and how the registry tells of `web-flow-rules`; the other data id is not there. */
function followed() {
  const kept = new WatchedPolicies();
  kept.follow(config(), ended.signal);
  const sources = { fleet: { policiesOf: () => [] }, kept };
  const tell = (content?: string, dataId = 'web-flow-rules') => {
    const place = { dataId, group: 'SENTINEL_GROUP', namespace: 'public' };
    watches.at(-1)?.watcher.told({ ...place, ...(content === undefined ? {} : { content }) });
  };
  const lossy = (more: object = {}) =>
    lossyPolicies(
      sources,
      { host: 'stock.shop', sdkNames: [] } as unknown as TargetFacts,
      { consumers: ['web'], steps: [{ rung: 'resilience' }], ...more } as unknown as Migration,
    );
  const diagnostics = () => kept.diagnostics.map(({ code, where }) => `${code} ${where}`);
  return { kept, sources, tell, lossy, diagnostics };
}

test('rules are lifted with their source, and replaced by what is told next', () => {
  const { sources, tell } = followed();
  expect(watches[0]?.place).toEqual({ dataIds: ['web-flow-rules', 'web-degrade-rules'], group: 'SENTINEL_GROUP' });
  tell(JSON.stringify([FLOW]));
  const [view] = liftedPolicies(sources, 'web', 'stock.shop');
  expect(JSON.stringify(view?.rules)).toContain('"http2MaxRequests":20');
  expect(view?.fields).toContainEqual(expect.objectContaining({ policy: 'sentinel-flow stock', source: WHERE, field: 'count' }));
  expect(liftedPolicies(sources, 'other')).toEqual([]);
  tell(JSON.stringify([{ ...FLOW, count: 7 }]));
  expect(JSON.stringify(liftedPolicies(sources))).toContain('"http2MaxRequests":7');
  tell('[]');
  expect(liftedPolicies(sources)).toEqual([]);
});

test('a plan is stopped by what nobody has read yet, then by what would be lost, and by nothing of others', () => {
  const { tell, lossy } = followed();
  expect(lossy()).toEqual(['web-flow-rules of shop, not read yet', 'web-degrade-rules of shop, not read yet']);
  expect([lossy({ consumers: ['api'] }), lossy({ steps: [{ rung: 'resilience', hand: ['retry'] }] })]).toEqual([[], []]);
  tell(undefined, 'web-degrade-rules');
  tell(JSON.stringify([FLOW]));
  expect(lossy()).toEqual(['limitApp of sentinel-flow stock']);
  expect(lossy({ consumers: ['*'] })).toEqual(['limitApp of sentinel-flow stock']);
  expect(lossy({ consumers: ['api'] })).toEqual([]);
  tell(undefined);
  expect(lossy()).toEqual([]);
});

test('a text that cannot be read, and a registry that cannot be asked, leave what was read before; both are said', () => {
  const { kept, tell, lossy, diagnostics } = followed();
  tell(undefined, 'web-degrade-rules');
  tell('{');
  expect(lossy()).toEqual(['web-flow-rules of shop, not read yet']);
  tell(JSON.stringify([{ count: 1 }, FLOW, { ...FLOW, resource: 'GET:/' }]));
  expect(diagnostics()).toEqual([`policy.invalid ${WHERE}[0]`, `policy.no-target ${WHERE}`]);
  const before = kept.policiesOf('web');
  expect(before).toHaveLength(1);
  tell('{');
  watches[0]?.watcher.failed('connection refused');
  expect(kept.policiesOf('web')).toEqual(before);
  expect(diagnostics().slice(0, 2)).toEqual(['policy.unreadable shop/public/SENTINEL_GROUP', `policy.invalid ${WHERE}`]);
  watches[0]?.watcher.inStep();
  expect(diagnostics()).not.toContain('policy.unreadable shop/public/SENTINEL_GROUP');
});

test('a changed config is followed: the same place goes on, another one keeps what it had until it is read again', () => {
  const { kept, tell } = followed();
  tell(JSON.stringify([FLOW]));
  kept.follow(config(), ended.signal);
  expect(watches).toHaveLength(1);
  kept.follow(config({ targets: {}, target: 'all.shop' }, { at: 'b' }), ended.signal);
  expect(watches.map(({ signal }) => signal.aborted)).toEqual([true, false]);
  expect(kept.policiesOf('web')).toMatchObject([{ name: 'stock', host: 'all.shop' }]);
  kept.follow({ ...config(), policies: { sentinel: [], configs: [] } }, ended.signal);
  expect([kept.policiesOf('*'), watches.every(({ signal }) => signal.aborted)]).toEqual([[], true]);
});

test('other configs are read as lift reads them; one without policies has none, and a broken one keeps what it had', () => {
  const kept = new WatchedPolicies();
  const owner = { service: 'web', targets: { orders: 'orders.shop' } };
  kept.follow(config({}, {}, { sentinel: [], configs: [{ registry: 'shop', dataIds: { 'web.yaml': owner } }] }), ended.signal);
  expect(watches[0]?.place).toEqual({ dataIds: ['web.yaml'], group: 'DEFAULT_GROUP' });
  const tell = (content: string) =>
    watches[0]?.watcher.told({ dataId: 'web.yaml', group: 'DEFAULT_GROUP', namespace: 'public', content });
  const sources = { fleet: { policiesOf: () => [] }, kept };
  const spring = (rest: string) => `server: { port: 8080 }\n${rest}`;
  expect(kept.unread('web', new Set(['orders.shop']))).toEqual(['web.yaml of shop, not read yet']);
  tell(spring('resilience4j: { retry: { instances: { orders: { maxAttempts: 4 }, mail: { maxAttempts: 2 } } } }'));
  expect(policyViews(sources, 'web')).toMatchObject([
    { host: 'orders.shop', name: 'orders', policy: 'retry', source: 'shop/public/DEFAULT_GROUP/web.yaml' },
  ]);
  expect(JSON.stringify(liftedPolicies(sources, 'web')[0]?.rules)).toContain('"attempts":3');
  expect(kept.diagnostics.map(({ code, what }) => `${code} ${what}`)).toEqual(['policy.no-target without a mesh host: mail']);
  tell(spring('resilience4j: ['));
  expect(kept.policiesOf('web')).toHaveLength(1);
  expect(kept.diagnostics.map(({ code }) => code)).toEqual(['policy.invalid', 'policy.no-target']);
  tell(spring(''));
  expect([kept.policiesOf('web'), kept.diagnostics, kept.unread('web', new Set(['orders.shop']))]).toEqual([[], [], []]);
});
