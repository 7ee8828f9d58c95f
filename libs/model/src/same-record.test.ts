import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { buildEndpoint } from '@isthmus/registry';
import { NOWHERE } from './endpoint.ts';
import { parseSourceId } from './ids.ts';
import type { MeshHost } from './ids.ts';
import { sameRecord } from './same-record.ts';
import type { ServiceRecord } from './service.ts';

const record = (addresses: readonly string[], more: Partial<ServiceRecord> = {}): ServiceRecord => ({
  key: { source: parseSourceId('shop'), namespace: 'public', group: 'G', name: 'orders' },
  host: 'orders.test' as MeshHost,
  endpoints: addresses.flatMap((address) => {
    const raw = { address, port: 80, instanceId: address, weight: 1, health: 'healthy', metadata: {} } as const;
    return buildEndpoint(raw, 'orders').endpoint ?? [];
  }),
  diagnostics: [],
  ...more,
});

const anyRecord = fc
  .record({
    addresses: fc.array(fc.constantFrom('10.0.0.1', '10.0.0.2', '10.0.0.3'), { maxLength: 3 }),
    vip: fc.option(fc.constantFrom('10.9.0.1', '10.9.0.2'), { nil: undefined }),
    exportTo: fc.option(fc.array(fc.constantFrom('*', '.'), { maxLength: 2 }), { nil: undefined }),
  })
  .map(({ addresses, vip, exportTo }) =>
    record(addresses, { ...(vip === undefined ? {} : { vip }), ...(exportTo === undefined ? {} : { exportTo }) }),
  );

test('two records are the same when their texts are', () => {
  fc.assert(fc.property(anyRecord, anyRecord, (a, b) => sameRecord(a, b) === (JSON.stringify(a) === JSON.stringify(b))));
});

test('a field of one endpoint that differs is found, and nothing is not a record', () => {
  const [endpoint] = record(['10.0.0.1']).endpoints;
  if (endpoint === undefined) throw new Error('no endpoint');
  const moved = record([], { endpoints: [{ ...endpoint, locality: { ...NOWHERE, zone: 'b' } }] });
  expect(sameRecord(record(['10.0.0.1']), moved)).toBe(false);
  expect(sameRecord(undefined, moved)).toBe(false);
});
