import { expect, test } from '@jest/globals';
import { parseConfig } from '@isthmus/config';
import { IsthmusError } from '@isthmus/model';
import type { RegistryKind } from '@isthmus/registry';
import { z } from 'zod';
import { examinePolicies } from './doctor-policies.ts';

const FLOW = { resource: 'stock', grade: 0, count: 20 };

/** What doctor says where the registry has these texts, by data id. */
async function findings(texts: Readonly<Record<string, string>>, failure?: Error, more?: object) {
  const kind: RegistryKind = {
    kind: 'plain',
    schema: z.object({ name: z.string(), kind: z.literal('plain') }),
    createSource: () => {
      throw new Error('not read here');
    },
    doctor: async () => [],
    watchConfigs: async () => undefined,
    configTexts: async (_, { dataIds, group }) => {
      if (failure !== undefined) throw failure;
      return dataIds.map((dataId) => {
        const content = texts[dataId];
        return { dataId, group, namespace: 'public', ...(content === undefined ? {} : { content }) };
      });
    },
  };
  const text = JSON.stringify({
    version: 1,
    meshId: 'test',
    registries: [{ name: 'shop', kind: 'plain' }],
    outputs: { xds: { listen: '127.0.0.1:0' } },
    policies: more ?? { sentinel: [{ registry: 'shop', apps: { web: { service: 'web', targets: { stock: 'stock.shop' } } } }] },
  });
  const parsed = parseConfig('isthmus.yaml', new TextEncoder().encode(text), { kinds: [kind] });
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  return examinePolicies(parsed.config, new AbortController().signal);
}
const said = async (...args: Parameters<typeof findings>) =>
  (await findings(...args)).map(({ level, what, remedy }) => [level, what, remedy === undefined ? '' : 'remedy']);

const FLOWS = 'shop/public/SENTINEL_GROUP/web-flow-rules';

test('rules that can be used are counted, and of a kind that is not there it is said', async () => {
  expect(await said({ 'web-flow-rules': JSON.stringify([FLOW]) })).toEqual([
    ['ok', `${FLOWS}: 1 of its rules can be used`, ''],
    ['ok', 'shop/public/SENTINEL_GROUP/web-degrade-rules is not there: no rules of that kind', ''],
  ]);
});

test('an application without any rules may be looked for in the wrong place', async () => {
  expect(await findings({})).toEqual([
    {
      level: 'warning',
      what: 'shop/public/SENTINEL_GROUP has nothing of web: web-flow-rules and web-degrade-rules are not there',
      remedy: expect.stringContaining('compare namespace (its id), group and name under policies'),
    },
  ]);
});

test('a text that is broken, a bad rule and a resource without a host are named, and what to do', async () => {
  const degrade = { 'web-degrade-rules': '[]' };
  expect((await said({ ...degrade, 'web-flow-rules': '{' }))[0]).toEqual([
    'error',
    expect.stringMatching(`^${FLOWS}: .*; nothing is known of it: plans stop before resilience$`),
    'remedy',
  ]);
  const rules = JSON.stringify([{ count: 1 }, FLOW, { ...FLOW, resource: 'GET:/' }]);
  expect(await said({ ...degrade, 'web-flow-rules': rules })).toEqual([
    ['ok', `${FLOWS}: 2 of its rules can be used`, ''],
    ['error', expect.stringContaining(`${FLOWS}[0]: the rule`), 'remedy'],
    ['warning', expect.stringContaining(`${FLOWS}: without a mesh host: GET:/;`), 'remedy'],
    ['ok', 'shop/public/SENTINEL_GROUP/web-degrade-rules: 0 of its rules can be used', ''],
  ]);
});

test('a registry that does not let them be read: its own remedy, else the rights that are needed', async () => {
  const refused = new IsthmusError('registry.auth', 'refused', { remedy: 'mend the password' });
  const what = 'shop: policies cannot be read: refused';
  expect(await findings({}, refused)).toEqual([{ level: 'error', what, remedy: 'mend the password' }]);
  expect(await findings({}, new Error('refused'))).toEqual([
    { level: 'error', what, remedy: expect.stringContaining('read configs') },
  ]);
});

test('other configs are looked at one by one', async () => {
  const own = { service: 'web', targets: { orders: 'orders.shop' } };
  const policies = { configs: [{ registry: 'shop', dataIds: { 'web.yaml': own, 'api.yaml': own } }] };
  const web = 'resilience4j: { circuitbreaker: { instances: { orders: { failureRateThreshold: 50 }, mail: {} } } }';
  expect(await said({ 'web.yaml': web }, undefined, policies)).toEqual([
    ['ok', 'shop/public/DEFAULT_GROUP/web.yaml: 2 of its rules can be used', ''],
    ['warning', expect.stringContaining('shop/public/DEFAULT_GROUP/web.yaml: without a mesh host: mail;'), 'remedy'],
    ['warning', 'shop/public/DEFAULT_GROUP has nothing of api.yaml: api.yaml is not there', 'remedy'],
  ]);
});
