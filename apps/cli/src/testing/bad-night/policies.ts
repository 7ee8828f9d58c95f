import type { ItemList, PolicyView } from '@isthmus/contract';
import { NOW } from '../run-cli.ts';

const breaker: PolicyView = {
  ...{ host: 'payments.eureka', library: 'opossum', version: '9.0.0', name: 'payments', policy: 'circuitBreaking' },
  options: { timeout: 3_000, errorThresholdPercentage: 50, errorFilter: 'function' },
  ...{ instances: ['1-deadbeef', '7-c0ffee'], lost: ['errorFilter of opossum payments'] },
};
const retries: PolicyView = {
  ...{ library: 'undici', version: '', name: 'RetryAgent', policy: 'retry', options: { maxRetries: 2 } },
  ...{ instances: ['1-deadbeef'], lost: [] },
};
const flow: PolicyView = {
  ...{ host: 'stock.shop', library: 'sentinel-flow', version: '', name: 'stock', policy: 'circuitBreaking' },
  options: { grade: 0, count: 20, limitApp: 'mobile' },
  ...{ instances: [], source: 'shop/public/SENTINEL_GROUP/web-flow-rules', readAt: NOW - 7_200_000 },
  lost: ['limitApp of sentinel-flow stock'],
};

export const policies: ItemList<PolicyView> = { items: [breaker, retries, flow] };
export const policiesOfWeb: ItemList<PolicyView> = { items: [retries, flow] };
