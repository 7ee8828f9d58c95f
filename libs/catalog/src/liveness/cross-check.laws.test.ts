import { describe, expect, test } from '@jest/globals';
import type { ServiceRecord, Workload } from '@isthmus/model';
import fc from 'fast-check';
import { GUARD, crossChecked, gone, live, runs, stale } from '../testing/cross-checked.ts';
import { endpoint, record } from '../testing/records.ts';
import { workload, workloadSnapshot } from '../testing/workloads.ts';

describe('the law: incremental = full recompute', () => {
  const UNGUARDED = { ...GUARD, minEndpoints: Number.POSITIVE_INFINITY };
  const rule = { matches: () => true, namespaces: ['shop'], port: 8080 };
  const names = ['orders', 'payments', 'stock'] as const;
  const address = fc.integer({ min: 0, max: 5 }).map((n) => `10.0.0.${n}`);
  const listing = fc.tuple(fc.constantFrom(...names), fc.uniqueArray(address, { maxLength: 4 }));
  const podOf = fc
    .record({
      n: fc.integer({ min: 0, max: 5 }),
      address,
      owner: fc.constantFrom(...names),
      ready: fc.boolean(),
      hostNetwork: fc.boolean(),
    })
    .map(({ n, address: at, ...fields }) => workload(`pod-${n}`, { addresses: [at], ...fields }));
  const step = fc.oneof(
    listing.map(([name, addresses]) => ({
      record: record(
        name,
        addresses.map((at) => endpoint({ address: at })),
      ),
    })),
    podOf.map((w) => ({ event: runs(w) })),
    fc.integer({ min: 0, max: 5 }).map((n) => ({ event: gone(`pod-${n}`) })),
    fc.uniqueArray(podOf, { maxLength: 4, selector: (w) => w.id }).map((all) => ({ event: workloadSnapshot(all) })),
    fc.constantFrom(live, stale).map((event) => ({ event })),
  );

  test('after any events, what it shows is what a new one makes of the same state and ledger', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const one = crossChecked({ guard: UNGUARDED, admit: [rule] });
        const pods_ = new Map<string, Workload>();
        const records = new Map<string, ServiceRecord>();
        for (const s of [...steps, { event: live }]) {
          if ('record' in s) {
            records.set(s.record.key.name, s.record);
            one.list(s.record);
            continue;
          }
          one.say(s.event);
          if (s.event.kind === 'upsert') pods_.set(s.event.workload.id, s.event.workload);
          if (s.event.kind === 'remove') pods_.delete(s.event.id);
          if (s.event.kind === 'snapshot') {
            pods_.clear();
            for (const [id, w] of s.event.workloads) pods_.set(id, w);
          }
        }
        const shown = names.map((name) => one.sees(name));
        const two = crossChecked({ guard: UNGUARDED, admit: [rule], ledger: one.ledger });
        two.list(...records.values());
        two.say(workloadSnapshot([...pods_.values()]), live);
        expect(names.map((name) => two.sees(name))).toEqual(shown);
      }),
      { numRuns: 300 },
    );
  });

  test('whatever happens before the view is live, nothing is evicted', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const { list, say, sees } = crossChecked({ guard: UNGUARDED });
        for (const s of steps) {
          if ('record' in s) list(s.record);
          else if (s.event.kind !== 'status') say(s.event);
        }
        expect(names.flatMap((name) => sees(name)).filter((text) => !text.endsWith('healthy'))).toEqual([]);
      }),
    );
  });
});
