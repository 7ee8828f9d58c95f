import { describe, expect, test } from '@jest/globals';
import type { ServiceRecord, SourceEvent, SourceId } from '@isthmus/model';
import { buildRecord } from './build-record.ts';
import { guardImports, importable } from './import-guard.ts';
import { marksOf, marksToMetadata, withoutMarks } from './marks.ts';

const KEY = { source: 'shop' as SourceId, namespace: 'public', group: 'G', name: 'orders' };
const marks = (path: readonly string[]) =>
  marksToMetadata({ mesh: path.at(-1) ?? '', origin: 'hq/dc1//orders', path, owner: 'one', version: 'abc' });

function recordWith(...metadata: readonly Readonly<Record<string, string>>[]): ServiceRecord {
  const instances = metadata.map((m, n) => ({
    instanceId: `i${n}`,
    address: `10.0.0.${n + 1}`,
    port: 80,
    weight: 1,
    health: 'healthy' as const,
    metadata: m,
  }));
  const result = buildRecord(KEY, 'orders.g.public.nacos' as never, instances);
  if ('rejected' in result) throw new Error('no record');
  return result.record;
}

const RULES = { meshId: 'us', leaveOut: [] };
const addresses = (record: ServiceRecord) => record.endpoints.map((e) => e.address);

describe('what is imported', () => {
  test('a record in which nothing is marked is passed on as it is, the very same object', () => {
    const record = recordWith({ version: 'v1' }, {});
    expect(importable(record, RULES)).toBe(record);
  });

  test('our own mesh in the path: the instance is dropped, counted and told', () => {
    const record = importable(recordWith(marks(['us']), marks(['them', 'us']), marks(['us', 'them']), {}), RULES);
    expect(addresses(record)).toEqual(['10.0.0.4']);
    expect(record.diagnostics.map(({ code, severity }) => `${code} ${severity}`)).toEqual(Array(3).fill('import.own info'));
    expect(record.diagnostics[0]?.what).toContain('hq/dc1//orders');
  });

  test('another mesh’s publication is imported with its origin, one hop at most', () => {
    const record = importable(recordWith(marks(['them']), marks(['far', 'them'])), RULES);
    expect(addresses(record)).toEqual(['10.0.0.1']);
    expect(marksOf(record.endpoints[0]?.metadata ?? {})).toMatchObject({
      mesh: 'them',
      origin: 'hq/dc1//orders',
      path: ['them'],
    });
    expect(record.diagnostics.map((d) => d.code)).toEqual(['import.second-hop']);
  });

  test('marks become neither labels nor diagnostics about labels', () => {
    const record = recordWith({ ...marks(['them', 'far']), version: 'v1' });
    expect(record.endpoints[0]?.labels).toEqual({ version: 'v1' });
    expect(record.diagnostics).toEqual([]);
  });

  test('a mark without its path is its writer’s: nobody gets around the guard by cutting it off', () => {
    expect(marksOf({ 'isthmus-mesh': 'us' })?.path).toEqual(['us']);
    expect(marksOf({ 'isthmus-mesh': 'us', 'isthmus-path': ',,them,' })?.path).toEqual(['them', 'us']);
    expect(marksOf({ 'isthmus-path': 'us' })).toBeUndefined();
    expect(withoutMarks({ 'isthmus-mesh': 'us', version: 'v1' })).toEqual({ version: 'v1' });
  });

  test('copies of other bridges stay unless they are to be left out', () => {
    const copies = recordWith(
      { 'external-source': 'kubernetes' },
      { 'register-resource': 'mcp-bridge' },
      { syncSource: 'c1' },
      {},
    );
    expect(importable(copies, RULES)).toBe(copies);
    const some = importable(copies, { meshId: 'us', leaveOut: ['consul-k8s', 'nacos-sync'] });
    expect(addresses(some)).toEqual(['10.0.0.2', '10.0.0.4']);
    expect(some.diagnostics.map((d) => d.code)).toEqual(['import.left-out', 'import.left-out']);
    expect(addresses(importable(copies, { meshId: 'us', leaveOut: ['higress'] }))).toEqual(['10.0.0.1', '10.0.0.3', '10.0.0.4']);
  });

  test('the guard stands in front of every source: snapshots and changes alike, the rest passes', async () => {
    const record = recordWith(marks(['us']), {});
    const scope = { source: KEY.source, namespace: 'public', group: 'G' };
    const events: readonly SourceEvent[] = [
      { kind: 'status', scope, status: { state: 'syncing' } },
      { kind: 'snapshot', scope, services: new Map([['shop/public/G/orders' as never, record]]) },
      { kind: 'upsert', service: record },
    ];
    const source = guardImports(
      {
        id: KEY.source,
        async *watch() {
          yield* events;
        },
      },
      RULES,
    );
    const seen: SourceEvent[] = [];
    for await (const event of source.watch(new AbortController().signal)) seen.push(event);
    expect(seen[0]).toBe(events[0]);
    const records = seen.flatMap((e) =>
      e.kind === 'snapshot' ? [...e.services.values()] : e.kind === 'upsert' ? [e.service] : [],
    );
    expect(records.map(addresses)).toEqual([['10.0.0.2'], ['10.0.0.2']]);
  });
});
