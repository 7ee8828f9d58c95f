import { expect, test } from '@jest/globals';
import { scopeId, scopeOf, serviceId } from '@isthmus/model';
import type { MeshHost, MeshService, ServiceRecord, SourceEvent } from '@isthmus/model';
import fc from 'fast-check';
import { endpoint, record, snapshotOf } from './testing/records.ts';
import { catalogOf } from './testing/unguarded.ts';

test('what remains after any events is the merge of what was last said of each service (incremental = full)', () => {
  const name = fc.constantFrom('orders', 'stock', 'web');
  const source = fc.constantFrom('a', 'b');
  const service = fc
    .tuple(name, source, fc.uniqueArray(fc.integer({ min: 1, max: 6 }), { maxLength: 4 }), fc.integer({ min: 0, max: 3 }))
    .map(([n, s, list, weight]) =>
      record(
        n,
        list.map((port) => endpoint({ port, weight })),
        { source: s },
      ),
    );
  const event: fc.Arbitrary<SourceEvent> = fc.oneof(
    service.map((s): SourceEvent => ({ kind: 'upsert', service: s })),
    service.map((s): SourceEvent => ({ kind: 'remove', key: s.key })),
    fc
      .uniqueArray(service, { selector: (s) => s.key.name, maxLength: 3 })
      .map((list) => snapshotOf(list.map((s) => record(s.key.name, s.endpoints)))),
  );
  fc.assert(
    fc.property(fc.array(event, { maxLength: 25 }), fc.boolean(), (events, shared) => {
      const rules = shared ? { hosts: [{ host: 'all.orders', services: '*/*/*/orders' }] } : {};
      const catalog = catalogOf(rules);
      const view = new Map<MeshHost, MeshService>();
      const truth = new Map<string, ServiceRecord>();
      for (const e of events) {
        for (const host of catalog.apply(e)) {
          const merged = catalog.merged(host);
          if (merged === undefined) view.delete(host);
          else view.set(host, merged);
        }
        if (e.kind === 'upsert') truth.set(serviceId(e.service.key), e.service);
        else if (e.kind === 'remove') truth.delete(serviceId(e.key));
        else if (e.kind === 'snapshot') {
          for (const [id, r] of truth) if (scopeId(scopeOf(r.key)) === scopeId(e.scope)) truth.delete(id);
          for (const [id, r] of e.services) truth.set(id, r);
        }
      }
      const full = catalogOf(rules);
      for (const r of fc.sample(fc.shuffledSubarray([...truth.values()], { minLength: truth.size }), 1)[0] ?? [])
        full.apply({ kind: 'upsert', service: r });
      const expected = new Map(
        [...full.hosts()].map((host) => [host, full.merged(host)] as const).filter(([, s]) => s !== undefined),
      );
      const plain = (m: ReadonlyMap<MeshHost, MeshService | undefined>) =>
        [...m].map(([host, s]) => [host, { ...s, vip: 'any' }]).sort();
      expect(plain(view)).toEqual(plain(expected));
    }),
    { numRuns: 300 },
  );
});
