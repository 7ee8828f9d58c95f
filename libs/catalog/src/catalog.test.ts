import { MemoryLedger } from '@isthmus/ledger';
import { describe, expect, test } from '@jest/globals';
import { scopeId, scopeOf } from '@isthmus/model';
import type { MeshHost, MeshService, ServiceRecord, SourceEvent, SourceStatus } from '@isthmus/model';
import { Catalog } from './catalog.ts';
import { DEFAULT_RULES } from './merge-rules.ts';
import type { MergeRules } from './merge-rules.ts';
import { DEFAULT_GUARD } from './removal-guard.ts';
import { endpoint, record, snapshotOf } from './testing/records.ts';

function makeCatalog(rules: Partial<MergeRules> = {}, ledger = new MemoryLedger(), guard = DEFAULT_GUARD) {
  const clock = { time: 1_000_000, now: () => clock.time };
  const catalog = new Catalog({ rules: { ...DEFAULT_RULES, ...rules }, guard, ledger, clock, allocateVips: true });
  return { catalog, clock, ledger };
}

type Made = ReturnType<typeof makeCatalog>;

/** Time passes under somebody's eyes. */
function wait({ catalog, clock }: Pick<Made, 'catalog' | 'clock'>, ms: number): Set<string> {
  const dirty = new Set<string>();
  for (let left = ms; left > 0; left -= 1_000) {
    clock.time += Math.min(left, 1_000);
    for (const host of catalog.confirmDue()) dirty.add(host);
  }
  return dirty;
}

const hostOf = (name: string) => `${name}.test` as MeshHost;
const ports = (service: MeshService | undefined) => service?.endpoints.map((e) => e.endpoint.port);
const status = (record_: ServiceRecord, value: SourceStatus): SourceEvent => ({
  kind: 'status',
  scope: scopeOf(record_.key),
  status: value,
});
const many = (count: number) => Array.from({ length: count }, (_, n) => endpoint({ port: 8000 + n }));

describe('the catalog', () => {
  test('merges what a registry said under the host that its users expect', () => {
    const { catalog } = makeCatalog();
    const dirty = catalog.apply({ kind: 'upsert', service: record('orders', [endpoint({ port: 8080 })]) });
    expect([...dirty]).toEqual(['orders.test']);
    expect(catalog.merged(hostOf('orders'))).toMatchObject({
      host: 'orders.test',
      resolution: 'static',
      ports: [{ number: 80, name: 'http-80', protocol: 'http' }],
      origins: ['a/ns/g/orders'],
    });
  });

  test('a service without endpoints is no service, and neither is one that is removed', () => {
    const { catalog } = makeCatalog();
    const orders = record('orders', [endpoint({ port: 8080 })]);
    catalog.apply({ kind: 'upsert', service: orders });
    expect([...catalog.apply({ kind: 'remove', key: orders.key })]).toEqual(['orders.test']);
    expect(catalog.merged(hostOf('orders'))).toBeUndefined();
    catalog.apply({ kind: 'upsert', service: record('empty', []) });
    expect(catalog.merged(hostOf('empty'))).toBeUndefined();
  });

  test('a service that is declared is one without endpoints too: a ServiceEntry may lead to where callers wanted to go', () => {
    const { catalog } = makeCatalog();
    const declared = {
      resolution: 'none',
      addresses: [],
      external: true,
      createdAt: 0,
      labels: {},
      subjectAltNames: [],
    } as const;
    const ports = [{ number: 443, name: 'tls', protocol: 'tls' }] as const;
    catalog.apply({ kind: 'upsert', service: { ...record('outside', []), declared, ports } });
    expect(catalog.merged(hostOf('outside'))).toMatchObject({ resolution: 'none', ports, endpoints: [] });
  });

  test('equal content dirties nothing', () => {
    const { catalog } = makeCatalog();
    catalog.apply({ kind: 'upsert', service: record('orders', [endpoint({ port: 8080 })]) });
    expect([...catalog.apply({ kind: 'upsert', service: record('orders', [endpoint({ port: 8080 })]) })]).toEqual([]);
    expect([...catalog.apply({ kind: 'upsert', service: record('orders', [endpoint({ port: 8080, weight: 2 })]) })]).toEqual([
      'orders.test',
    ]);
  });

  test('an unreachable registry loses nothing', () => {
    const { catalog } = makeCatalog();
    const orders = record('orders', [endpoint({ port: 8080 })]);
    catalog.apply(snapshotOf([orders]));
    catalog.apply(status(orders, { state: 'stale', since: 1, cause: 'connection refused' }));
    expect(ports(catalog.merged(hostOf('orders')))).toEqual([8080]);
  });

  test('a complete read counts as one when all of it was taken, not while it is', () => {
    const { catalog } = makeCatalog();
    const steps = catalog.applySteps(
      snapshotOf(Array.from({ length: 500 }, (_, n) => record(`s${n}`, [endpoint()]))),
      new Set<MeshHost>(),
    );
    let turns = 0;
    for (const _ of steps) {
      turns += 1;
      expect([...catalog.scopes()].map((scope) => scope.lastSync)).toEqual([undefined]);
    }
    expect(turns).toBeGreaterThan(1);
    expect([...catalog.scopes()].map((scope) => scope.lastSync)).toEqual([1_000_000]);
  });

  test('a complete read removes what is not in it, in its own scope only', () => {
    const { catalog } = makeCatalog();
    const other = record('payments', [endpoint({ port: 1 })], { source: 'b' });
    catalog.apply({ kind: 'upsert', service: other });
    catalog.apply(snapshotOf([record('orders', [endpoint({ port: 8080 })]), record('stock', [endpoint({ port: 8081 })])]));
    catalog.apply(snapshotOf([record('orders', [endpoint({ port: 8080 })])]));
    expect(catalog.merged(hostOf('stock'))).toBeUndefined();
    expect(ports(catalog.merged(hostOf('orders')))).toEqual([8080]);
    expect(ports(catalog.merged(hostOf('payments')))).toEqual([1]);
  });

  describe('two services with one host', () => {
    const a = record('orders', [endpoint({ port: 1 })], { source: 'a' });
    const b = record('orders', [endpoint({ port: 2 })], { source: 'b' });

    test('are a visible conflict that precedence decides', () => {
      const { catalog } = makeCatalog({ precedence: [b.key.source] });
      catalog.apply({ kind: 'upsert', service: a });
      catalog.apply({ kind: 'upsert', service: b });
      const merged = catalog.merged(hostOf('orders'));
      expect(ports(merged)).toEqual([2]);
      expect(merged?.diagnostics).toMatchObject([{ code: 'host.conflict', where: 'b/ns/g/orders' }]);
    });

    test('are one service where a rule says so', () => {
      const { catalog } = makeCatalog({ hosts: [{ host: 'all.{name}', services: '*/ns/g/orders' }] });
      catalog.apply({ kind: 'upsert', service: a });
      catalog.apply({ kind: 'upsert', service: b });
      expect(catalog.merged(hostOf('orders'))).toBeUndefined();
      const merged = catalog.merged('all.orders' as MeshHost);
      expect(ports(merged)).toEqual([1, 2]);
      expect(merged?.diagnostics).toEqual([]);
    });

    test('the loser takes over when the winner goes', () => {
      const { catalog } = makeCatalog();
      catalog.apply({ kind: 'upsert', service: a });
      catalog.apply({ kind: 'upsert', service: b });
      expect(ports(catalog.merged(hostOf('orders')))).toEqual([1]);
      catalog.apply({ kind: 'remove', key: a.key });
      expect(ports(catalog.merged(hostOf('orders')))).toEqual([2]);
    });
  });

  describe('the guard against mass deletions', () => {
    const full = [record('orders', many(12)), record('stock', many(3))];
    const little = [record('stock', many(3)), record('fresh', many(1))];

    test('holds a complete read that would remove more than half, lets in what is new, and shows it', () => {
      const { catalog, ledger } = makeCatalog();
      catalog.apply(snapshotOf(full));
      catalog.apply(snapshotOf(little));
      expect(catalog.merged(hostOf('orders'))?.endpoints).toHaveLength(12);
      expect(catalog.merged(hostOf('fresh'))?.endpoints).toHaveLength(1);
      expect([...ledger.entries('held').values()]).toMatchObject([{ removing: 12, of: 16, services: ['a/ns/g/orders'] }]);
    });

    test('lets it through when a second complete read says the same after the confirmation time', () => {
      const { catalog, clock } = makeCatalog();
      const [orders] = full as [ServiceRecord];
      catalog.apply(snapshotOf(full));
      catalog.apply(status(orders, { state: 'live' }));
      for (let polls = 0; polls < 6; polls += 1) {
        catalog.apply(snapshotOf(little));
        expect(catalog.merged(hostOf('orders'))).toBeDefined();
        clock.time += 5_000;
      }
      catalog.apply(snapshotOf(little));
      expect(catalog.merged(hostOf('orders'))).toBeUndefined();
    });

    test('lets it through by time while the source is live, and not while it is stale', () => {
      const { catalog, clock } = makeCatalog();
      const [orders] = full as [ServiceRecord];
      catalog.apply(snapshotOf(full));
      catalog.apply(snapshotOf(little));
      catalog.apply(status(orders, { state: 'stale', since: 0, cause: 'gone' }));
      expect([...wait({ catalog, clock }, 60_000)]).toEqual([]);
      catalog.apply(status(orders, { state: 'live' }));
      expect([...wait({ catalog, clock }, 29_999)]).toEqual([]);
      expect(catalog.waits).toBe(true);
      expect([...wait({ catalog, clock }, 1)]).toEqual(['orders.test']);
      expect(catalog.waits).toBe(false);
    });

    test('forgets it when the services come back', () => {
      const { catalog, ledger } = makeCatalog();
      catalog.apply(snapshotOf(full));
      catalog.apply(snapshotOf(little));
      catalog.apply(snapshotOf(full));
      expect(ledger.entries('held').size).toBe(0);
      expect(catalog.merged(hostOf('orders'))?.endpoints).toHaveLength(12);
    });

    test('an operator can release it', () => {
      const { catalog } = makeCatalog();
      catalog.apply(snapshotOf(full));
      catalog.apply(snapshotOf(little));
      const [orders] = full as [ServiceRecord];
      expect(catalog.release(scopeId(scopeOf(orders.key)))).toMatchObject({ released: 12 });
      expect(catalog.merged(hostOf('orders'))).toBeUndefined();
      expect(catalog.release('a/ns/g')).toBeUndefined();
    });

    test('does not hold a small loss', () => {
      const { catalog } = makeCatalog();
      catalog.apply(snapshotOf(full));
      catalog.apply(snapshotOf([record('orders', many(12))]));
      expect(catalog.merged(hostOf('stock'))).toBeUndefined();
    });
  });

  test('a restarted bridge serves what it knew, says that it is stale, and drops registries that left the config', () => {
    const ledger = new MemoryLedger();
    const first = makeCatalog({}, ledger).catalog;
    first.apply(snapshotOf([record('orders', many(2))]));
    first.apply({ kind: 'upsert', service: record('old', many(1), { source: 'b' }) });
    const second = makeCatalog({}, ledger).catalog;
    expect([...second.restore((source) => source === 'a')]).toEqual(['orders.test']);
    expect(second.merged(hostOf('orders'))?.endpoints).toHaveLength(2);
    expect([...second.scopes()].map((s) => s.status.state)).toEqual(['stale']);
    expect(ledger.get('record', 'b/ns/g/old')).toBeUndefined();
    second.apply(status(record('orders', []), { state: 'syncing' }));
    expect([...second.scopes()].map((s) => s.status.state)).toEqual(['stale']);
  });

  test('addresses stay with their hosts, whatever comes and goes, and never collide', () => {
    const { catalog, ledger } = makeCatalog();
    const vipOf = (n: number) => catalog.merged(hostOf(`s${n}`))?.vip;
    for (let n = 0; n < 3000; n += 1) catalog.apply({ kind: 'upsert', service: record(`s${n}`, many(1)) });
    const before = Array.from({ length: 3000 }, (_, n) => vipOf(n));
    expect(new Set(before).size).toBe(3000);
    for (let n = 0; n < 3000; n += 2) catalog.apply({ kind: 'remove', key: record(`s${n}`, []).key });
    expect(vipOf(1)).toBe(before[1]);
    const again = makeCatalog({}, ledger).catalog;
    again.apply({ kind: 'upsert', service: record('s0', many(1)) });
    expect(again.merged(hostOf('s0'))?.vip).toBe(before[0]);
  });
});
