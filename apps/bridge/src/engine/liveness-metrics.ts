import type { CrossCheck } from '@isthmus/catalog';
import type { Engine } from './engine.ts';
import type { AddGauge } from './gauges.ts';

/** Who lives: what was evicted, held, admitted, checked and told to registries. */
export function observeLiveness(engine: Engine, gauge: AddGauge): void {
  gauge('evicted_endpoints', 'Endpoints that get no traffic although their registry lists them, by cause', (observe) => {
    const counts = new Map<string, { readonly source: string; readonly cause: string; count: number }>();
    for (const check of engine.liveness.crossChecks) {
      for (const { key, state, eviction } of check.evictions()) {
        if (state !== 'evicted' || eviction === undefined) continue;
        const id = `${key.source} ${eviction.cause}`;
        const entry = counts.get(id) ?? { source: key.source, cause: eviction.cause, count: 0 };
        entry.count += 1;
        counts.set(id, entry);
      }
    }
    for (const { source, cause, count } of counts.values()) observe(count, { source, cause });
  });
  gauge('evictions_held', 'Evictions that wait for their confirmation', (observe) => {
    const held = (check: CrossCheck) => check.guard.held().reduce((sum, { removing }) => sum + removing, 0);
    for (const [cluster, count] of byCluster(engine, held)) observe(count, { cluster });
  });
  gauge('admitted_endpoints', 'Ready Pods that get traffic before their registry lists them', (observe) => {
    for (const [cluster, count] of byCluster(engine, ({ admitted }) => admitted)) observe(count, { cluster });
  });
  gauge('workloads', 'Pods that are known, by the state of the view', (observe) => {
    // Each check of a cluster reads all of its Pods.
    const views = new Map(engine.liveness.crossChecks.map((check) => [check.source, check]));
    for (const [cluster, { workloads, status }] of views) observe(workloads, { cluster, state: status.state });
  });
  gauge('check_endpoints', 'Endpoints with a verdict of active checks', (observe) => {
    for (const { rule, checked, failing } of engine.liveness.checks.verdicts.counts()) {
      observe(failing, { rule, healthy: 'no' });
      observe(checked - failing, { rule, healthy: 'yes' });
    }
  });
  gauge('checks_made', 'Active checks since the start of this config', (observe) => {
    for (const { rule, checks } of engine.liveness.checks.counts()) observe(checks, { rule });
  });
  gauge('corrections', 'Dead endpoints out of service at their registry, or to be, by state', (observe) => {
    const counts = new Map<string, number>();
    for (const { state } of engine.liveness.corrections.views()) counts.set(state, (counts.get(state) ?? 0) + 1);
    for (const [state, count] of counts) observe(count, { state });
  });
}

/** A cluster can have several checks, for services of different registries. */
function byCluster(engine: Engine, count: (check: CrossCheck) => number): ReadonlyMap<string, number> {
  const sums = new Map<string, number>();
  for (const check of engine.liveness.crossChecks) sums.set(check.source, (sums.get(check.source) ?? 0) + count(check));
  return sums;
}
