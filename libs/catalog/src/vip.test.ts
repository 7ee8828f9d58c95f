import { MemoryLedger } from '@isthmus/ledger';
import { expect, test } from '@jest/globals';
import type { MeshHost, Resolution } from '@isthmus/model';
import { Catalog } from './catalog.ts';
import { DEFAULT_RULES } from './merge-rules.ts';
import { DEFAULT_GUARD } from './removal-guard.ts';
import { record } from './testing/records.ts';

test('a service whose callers say where to has no address of ours: they would be passed on to it', () => {
  const ledger = new MemoryLedger();
  const clock = { now: () => 0 };
  const catalog = new Catalog({ rules: DEFAULT_RULES, guard: DEFAULT_GUARD, ledger, clock, allocateVips: true });
  const vipWith = (resolution: Resolution): string | undefined => {
    const declared = { resolution, addresses: [], external: true, createdAt: 0, labels: {}, subjectAltNames: [] };
    catalog.apply({ kind: 'upsert', service: { ...record('orders', []), declared } });
    return catalog.merged('orders.test' as MeshHost)?.vip;
  };
  expect([vipWith('none'), vipWith('dynamic-dns')]).toEqual([undefined, undefined]);
  expect(vipWith('static')).toMatch(/^240\.241\./);
});
