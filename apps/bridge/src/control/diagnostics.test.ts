import { Catalog, DEFAULT_GUARD, DEFAULT_RULES } from '@isthmus/catalog';
import { endpoint, record, snapshotOf } from '@isthmus/catalog/testing';
import { describe, expect, test } from '@jest/globals';
import { MemoryLedger } from '@isthmus/ledger';
import type { Diagnostic } from '@isthmus/model';
import { catalogDiagnostics, listDiagnostics } from './diagnostics.ts';

const HOUR = 3_600_000;
const orders = record('orders', [endpoint({ port: 8080 }), endpoint({ port: 8081 })]);

function known() {
  const clock = { ms: 1_000_000, now: () => clock.ms };
  const ledger = new MemoryLedger();
  const catalog = new Catalog({ rules: DEFAULT_RULES, guard: DEFAULT_GUARD, ledger, clock, allocateVips: false });
  catalog.apply(snapshotOf([orders]));
  catalog.apply({ kind: 'status', scope: orders.key, status: { state: 'live' } });
  return { catalog, clock };
}

describe('what is wrong with registries', () => {
  test('one that cannot be reached is said with its cause and with what stays, and no longer when it is back', () => {
    const { catalog, clock } = known();
    expect([...catalogDiagnostics(catalog, HOUR)]).toEqual([]);
    catalog.apply({
      kind: 'status',
      scope: orders.key,
      status: { state: 'stale', since: clock.ms, cause: 'connection refused' },
    });
    expect([...catalogDiagnostics(catalog, HOUR)]).toMatchObject([
      {
        code: 'registry.unreachable',
        where: 'a/ns/g',
        what: 'connection refused',
        meaning: 'its 2 endpoints stay as they were, marked stale',
      },
    ]);
    clock.ms += 2 * HOUR;
    expect([...catalogDiagnostics(catalog, HOUR)].map(({ code }) => code)).toEqual(['registry.unreachable', 'scope.too-old']);
    catalog.apply(snapshotOf([orders]));
    catalog.apply({ kind: 'status', scope: orders.key, status: { state: 'live' } });
    expect([...catalogDiagnostics(catalog, HOUR)]).toEqual([]);
  });
});

test('what is held where a part of the registry cannot be read ends only when all of it can be, or by hand: both are said', () => {
  const { catalog } = known();
  const many = Array.from({ length: 20 }, (_, i) => record(`s${i}`, [endpoint()]));
  catalog.apply(snapshotOf(many));
  catalog.apply(snapshotOf([]));
  const held = () => [...catalogDiagnostics(catalog, HOUR)].find(({ code }) => code === 'removal.held');
  expect(held()).toMatchObject({ remedy: expect.stringMatching(/^wait, .*: isthmus release-held a\/ns\/g$/) });
  catalog.apply({ kind: 'status', scope: orders.key, status: { state: 'partial', cause: 'the token sees not all' } });
  expect(held()).toMatchObject({
    meaning: 'they stay for as long as not all of the registry can be read: the token sees not all',
    remedy: expect.stringMatching(/^do what the cause says, or .*: isthmus release-held a\/ns\/g$/),
  });
});

describe('a list of diagnostics', () => {
  const one = (code: Diagnostic['code'], where: string): Diagnostic => ({
    ...{ code, where, severity: 'warning' },
    ...{ what: 'w', meaning: 'm', remedy: 'r' },
  });
  const many = Array.from({ length: 1_500 }, (_, at) => one('weight.invalid', `shop/orders ${at}`));

  test('ends after a thousand, and counts all', () => {
    const { items, counts } = listDiagnostics([...many, one('port.invalid', 'hq/stock')]);
    expect([items.length, counts]).toEqual([1_000, { 'weight.invalid': 1_500, 'port.invalid': 1 }]);
  });

  test('of a code or of a place is looked for behind those thousand too', () => {
    const all = [...many, one('port.invalid', 'hq/stock')];
    for (const wanted of ['port.invalid', 'hq/'])
      expect(listDiagnostics(all, wanted)).toEqual({ items: [all[1_500]], counts: { 'port.invalid': 1 } });
  });
});
