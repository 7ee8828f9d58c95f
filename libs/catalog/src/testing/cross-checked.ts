import { MemoryLedger } from '@isthmus/ledger';
import { serviceId } from '@isthmus/model';
import type { ServiceId, ServiceRecord, SourceId, Workload, WorkloadEvent } from '@isthmus/model';
import { CrossCheck } from '../liveness/cross-check.ts';
import type { CrossCheckOptions } from '../liveness/cross-check-options.ts';
import { DEFAULT_OWNERSHIP } from '../liveness/ownership.ts';
import { record } from './records.ts';

export const GUARD = { maxRemovalPercent: 50, minEndpoints: 10, confirmAfterMs: 30_000 };
export const live: WorkloadEvent = { kind: 'status', status: { state: 'live' } };
export const stale: WorkloadEvent = { kind: 'status', status: { state: 'stale', since: 1, cause: 'connection refused' } };
export const gone = (name: string): WorkloadEvent => ({ kind: 'remove', id: `shop/${name}` });
export const runs = (w: Workload): WorkloadEvent => ({ kind: 'upsert', workload: w });

/** A cross-check with what a test lists and says, at a clock that the test moves. */
export function crossChecked(options: Partial<CrossCheckOptions> = {}) {
  const clock = { time: 1_000_000, now: () => clock.time };
  const ledger = new MemoryLedger();
  const check = new CrossCheck({
    source: 'k8s' as SourceId,
    matches: () => true,
    podCidrs: ['10.0.0.0/16'],
    ownership: DEFAULT_OWNERSHIP,
    admit: [],
    guard: GUARD,
    ledger,
    clock,
    ...options,
  });
  const records = new Map<ServiceId, ServiceRecord>();
  const list = (...listed: readonly ServiceRecord[]): ReadonlySet<ServiceId> => {
    const dirty = new Set<ServiceId>();
    for (const r of listed) {
      records.set(serviceId(r.key), r);
      check.put(serviceId(r.key), r, dirty);
    }
    return dirty;
  };
  const say = (...events: readonly WorkloadEvent[]): ReadonlySet<ServiceId> => {
    const dirty = new Set<ServiceId>();
    for (const event of events) for (const _ of check.applySteps(event, dirty));
    return dirty;
  };
  /** `address:port health` of a service as callers see it. */
  const sees = (name = 'orders'): readonly string[] => {
    const id = serviceId(record(name, []).key);
    const known = records.get(id);
    const view = known === undefined ? undefined : check.view(id, known);
    return view?.endpoints.map((e) => `${e.address}:${e.port} ${e.health}`) ?? [];
  };
  return { check, clock, ledger, list, say, sees };
}
