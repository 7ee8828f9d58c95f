import { expect, test } from '@jest/globals';
import type { MeshHost, ServiceId } from '@isthmus/model';
import { mergeService } from './merge-service.ts';
import { compileRules, DEFAULT_RULES } from './merge-rules.ts';
import { endpoint, record } from './testing/records.ts';

const host = 'orders.test' as MeshHost;
const none = () => ({ vip: undefined, diagnostics: [] });
const rules = compileRules(DEFAULT_RULES);

test('a service that was read from another bridge keeps the ids that it has there', () => {
  const local = record('orders', [endpoint()]);
  expect(mergeService(host, [local], rules, none)).not.toHaveProperty('importedFrom');
  const imported = { ...local, origins: ['shop/public/G/orders' as ServiceId] };
  expect(mergeService(host, [imported], rules, none)?.importedFrom).toEqual(['shop/public/G/orders']);
});
