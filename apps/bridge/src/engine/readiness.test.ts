import { describe, expect, test } from '@jest/globals';
import { Catalog, DEFAULT_GUARD, DEFAULT_RULES } from '@isthmus/catalog';
import { endpoint, record, snapshotOf } from '@isthmus/catalog/testing';
import { MemoryLedger } from '@isthmus/ledger';
import { scopeOf } from '@isthmus/model';
import type { SourceId } from '@isthmus/model';
import { Readiness, missingSources } from './readiness.ts';

const A = 'a' as SourceId;
const B = 'b' as SourceId;
const orders = record('orders', [endpoint()]);

function makeCatalog(ledger = new MemoryLedger()): Catalog {
  return new Catalog({ rules: DEFAULT_RULES, guard: DEFAULT_GUARD, ledger, clock: { now: () => 0 }, allocateVips: false });
}

describe('readiness', () => {
  test('waits for a complete read of every registry, and says of which', async () => {
    const catalog = makeCatalog();
    const readiness = new Readiness(new Set([A, B]), 3_600_000);
    readiness.rulesWereRead();
    expect(missingSources(new Set([B, A]), catalog.scopes())).toEqual([A, B]);
    catalog.apply(snapshotOf([orders]));
    readiness.check(catalog.scopes());
    expect(readiness.state).toBe('waiting');
    expect(missingSources(new Set([A, B]), catalog.scopes())).toEqual([B]);
    catalog.apply({ kind: 'snapshot', scope: { ...scopeOf(orders.key), source: B }, services: new Map() });
    readiness.check(catalog.scopes());
    await readiness.ready;
    expect(readiness.state).toBe('complete');
  });

  test('waits for the rules too, of which the ledger knows nothing', () => {
    const catalog = makeCatalog();
    catalog.apply(snapshotOf([orders]));
    const readiness = new Readiness(new Set([A]), 3_600_000);
    readiness.check(catalog.scopes());
    expect(readiness.state).toBe('waiting');
    readiness.rulesWereRead();
    readiness.check(catalog.scopes());
    expect(readiness.state).toBe('complete');
  });

  test('an unreachable registry delays it by the longest wait and no more', async () => {
    const readiness = new Readiness(new Set([A]), 10);
    await readiness.ready;
    expect(readiness.state).toBe('late');
  });

  test('what the ledger knows of a registry is enough to start with', () => {
    const ledger = new MemoryLedger();
    makeCatalog(ledger).apply(snapshotOf([orders]));
    const restarted = makeCatalog(ledger);
    restarted.restore(() => true);
    expect(missingSources(new Set([A]), restarted.scopes())).toEqual([]);
  });

  test('a registry that is down, and so does not know the names of its scopes, is served from the ledger at once', () => {
    const ledger = new MemoryLedger();
    makeCatalog(ledger).apply(snapshotOf([orders]));
    const restarted = makeCatalog(ledger);
    const nameless = { source: A, namespace: '', group: '' };
    restarted.apply({ kind: 'status', scope: nameless, status: { state: 'stale', since: 0, cause: 'connection refused' } });
    expect(missingSources(new Set([A]), restarted.scopes())).toEqual([A]);
    restarted.restore(() => true);
    expect(missingSources(new Set([A]), restarted.scopes())).toEqual([]);
  });

  test('a second scope of a registry that was not read yet is waited for', () => {
    const catalog = makeCatalog();
    catalog.apply(snapshotOf([orders]));
    catalog.apply({ kind: 'status', scope: { ...scopeOf(orders.key), group: 'other' }, status: { state: 'syncing' } });
    expect(missingSources(new Set([A]), catalog.scopes())).toEqual([A]);
  });
});
