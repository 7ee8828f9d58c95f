import { MemoryLedger } from '@isthmus/ledger';
import { describe, expect, test } from '@jest/globals';
import { serviceId } from '@isthmus/model';
import type { MeshHost, MeshService, ServiceRecord, SourceId } from '@isthmus/model';
import fc from 'fast-check';
import { DEFAULT_RULES } from './merge-rules.ts';
import type { MergeRules } from './merge-rules.ts';
import { endpoint, record } from './testing/records.ts';
import { catalogOf, merge } from './testing/unguarded.ts';

describe('the law of merging', () => {
  const service = fc
    .tuple(
      fc.constantFrom('orders', 'stock', 'a_b', 'a-b'),
      fc.constantFrom('a', 'b', 'c'),
      fc.uniqueArray(fc.integer({ min: 1, max: 5 }), { maxLength: 3 }),
      fc.constantFrom(0, 1),
      fc.option(fc.constantFrom('10.96.0.1', '10.96.0.2'), { nil: undefined }),
    )
    .map(([name, source, list, weight, vip]): ServiceRecord => {
      const metadata = { version: `v${list.length}`, protocol: 'dubbo', zone: source };
      const r = record(
        name,
        list.map((port) => endpoint({ port, weight, metadata, labels: metadata, protocol: 'tcp' })),
        { source },
      );
      return { ...r, host: `${name.replace('_', '-')}.test` as MeshHost, ...(vip === undefined ? {} : { vip }) };
    });
  const rules: fc.Arbitrary<MergeRules> = fc.record({
    services: fc.constantFrom({ include: ['*'], exclude: [] }, { include: ['*'], exclude: ['c/*'] }),
    hosts: fc.constantFrom(
      [],
      [{ services: '*/orders', host: 'orders.mesh' }],
      [{ services: '*', host: '{name}.mesh', policy: 'first' as const }],
    ),
    precedence: fc.shuffledSubarray(['a', 'b', 'c'] as SourceId[]),
    protocols: fc.constantFrom([], [{ services: 'a/*', from: 'dubbo', protocol: 'grpc' as const }]),
    ports: fc.constantFrom({}, { tcp: 9200 }),
    servicePorts: fc.constantFrom([], [{ services: '*/stock', ports: { tcp: 9300 } }]),
    labels: fc.constantFrom(DEFAULT_RULES.labels, { keep: ['*'], drop: ['zone'], rename: { version: 'v' } }),
    locality: fc.constantFrom(DEFAULT_RULES.locality, { ...DEFAULT_RULES.locality, zone: ['zone'] }),
    weights: fc.constantFrom([], [{ services: 'b/*', scale: 0.5 }]),
    namespaces: fc.constantFrom([], [{ services: '*', namespace: '{source}', exportTo: ['.'] }]),
    meshNamespace: fc.constant('isthmus'),
  });

  test('a host does not depend on the order of its services', () => {
    fc.assert(
      fc.property(
        rules,
        fc.uniqueArray(service, { selector: (s) => serviceId(s.key) }),
        fc.infiniteStream(fc.nat()),
        (r, records, order) => {
          const shuffled = records
            .map((s) => [order.next().value as number, s] as const)
            .sort(([a], [b]) => a - b)
            .map(([, s]) => s);
          expect(merge(r, shuffled)).toEqual(merge(r, records));
        },
      ),
    );
  });

  test('a changed config gives what a bridge that always had it gives (incremental = full)', () => {
    const change = fc.tuple(service, fc.boolean(), fc.option(rules, { nil: undefined, freq: 3 }));
    fc.assert(
      fc.property(fc.array(change, { maxLength: 15 }), rules, (changes, first) => {
        const ledger = new MemoryLedger();
        let current = first;
        let catalog = catalogOf(current, ledger);
        const truth = new Map<string, ServiceRecord>();
        const view = new Map<MeshHost, MeshService>();
        const look = (hosts: Iterable<MeshHost>) => {
          for (const host of hosts) {
            const merged = catalog.merged(host);
            if (merged === undefined) view.delete(host);
            else view.set(host, merged);
          }
        };
        for (const [s, gone, next] of changes) {
          look(catalog.apply(gone ? { kind: 'remove', key: s.key } : { kind: 'upsert', service: s }));
          if (gone) truth.delete(serviceId(s.key));
          else truth.set(serviceId(s.key), s);
          if (next === undefined) continue;
          // As the engine does on a reload: a new catalog from the ledger, hosts of both are dirty.
          current = next;
          const before = [...catalog.hosts()];
          catalog = catalogOf(current, ledger);
          look([...catalog.restore(() => true), ...before]);
        }
        const full = catalogOf(current);
        for (const s of truth.values()) full.apply({ kind: 'upsert', service: s });
        const plain = (services: Iterable<readonly [MeshHost, MeshService | undefined]>) =>
          [...services].flatMap(([host, s]) => (s === undefined ? [] : [[host, withoutAllocated(s)]])).sort();
        expect(plain(view)).toEqual(plain([...full.hosts()].map((host) => [host, full.merged(host)] as const)));
      }),
      { numRuns: 300 },
    );
  });
});

/** Allocated addresses depend on what was there before, and are in the ledger for that. */
function withoutAllocated(service: MeshService): MeshService {
  const hide = (text: string) => text.replace(/240\.241\.\d+\.\d+/g, 'ours');
  const diagnostics = service.diagnostics.map((d) => ({ ...d, meaning: hide(d.meaning) }));
  return { ...service, vip: service.vip === undefined ? undefined : hide(service.vip), diagnostics };
}
