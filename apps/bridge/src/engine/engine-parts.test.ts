import { endpoint, record } from '@isthmus/catalog/testing';
import { parseConfig } from '@isthmus/config';
import { testLedger } from '@isthmus/registry/testing';
import { scopeOf, serviceId } from '@isthmus/model';
import type { Health, SourceEvent } from '@isthmus/model';
import { expect, test } from '@jest/globals';
import { registryKinds } from '../registries.ts';
import { makeCatalog, makeLiveness } from './engine-parts.ts';
import type { PartsOptions } from './engine-parts.ts';

const REGISTRIES = [
  { name: 'nacos', kind: 'nacos', servers: ['http://127.0.0.1:1'] },
  { name: 'consul', kind: 'consul', servers: ['http://127.0.0.1:1'] },
  { name: 'eureka', kind: 'eureka', servers: ['http://127.0.0.1:1/eureka'] },
  { name: 'zk', kind: 'zookeeper', servers: ['127.0.0.1:1'] },
  { name: 'k8s', kind: 'kubernetes' },
  { name: 'fixed', kind: 'file', path: 'services.yaml' },
];

test('a mass of unhealthy instances is doubted where instances renew; a Pod that Kubernetes ends is out at once', () => {
  const text = JSON.stringify({ version: 1, meshId: 'shop', registries: REGISTRIES });
  const parsed = parseConfig('isthmus.yaml', new TextEncoder().encode(text), { kinds: registryKinds });
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  const ledger = Object.assign(testLedger(), { diagnostics: [], flush: async () => undefined, close: async () => undefined });
  const parts: PartsOptions = { config: parsed.config, ledger, writer: undefined, dryRun: true, audit: () => undefined };
  const catalog = makeCatalog(parts, makeLiveness(parts));
  const held = REGISTRIES.filter(({ name: source }) => {
    const listing = (health: Health): SourceEvent => {
      const services = Array.from({ length: 24 }, (_, n) => record(`s${n}`, [endpoint({ health })], { source }));
      const scope = scopeOf(record('any', [], { source }).key);
      return { kind: 'snapshot', scope, services: new Map(services.map((one) => [serviceId(one.key), one])) };
    };
    catalog.apply(listing('healthy'));
    catalog.apply(listing('unhealthy'));
    return catalog.scopeById(`${source}/ns/g`)?.held?.unhealthy === 24;
  });
  expect(held.map(({ kind }) => kind)).toEqual(['nacos', 'consul', 'eureka', 'zookeeper']);
});
