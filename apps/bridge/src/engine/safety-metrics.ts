import type { ScopeState } from '@isthmus/catalog';
import { ageOf } from '../control/ages.ts';
import type { Engine } from './engine.ts';
import type { AddGauge } from './gauges.ts';

/** How old what is known is, and what is kept or left out against the registries' last word. */
export function observeSafety(engine: Engine, gauge: AddGauge): void {
  const perScope = (name: string, description: string, value: (scope: ScopeState) => number | undefined): void =>
    gauge(name, description, (observe) => {
      for (const state of engine.catalog.scopes()) {
        const measured = value(state);
        const { source, namespace, group } = state.scope;
        if (measured !== undefined) observe(measured, { source, namespace, group });
      }
    });
  perScope('scope_age_seconds', 'Since the registry confirmed what is known of a scope; absent when it never did', (scope) => {
    const age = ageOf(scope, engine.catalog.now());
    return age === undefined ? undefined : age / 1_000;
  });
  perScope(
    'source_held_endpoints',
    'Endpoints whose removal waits for its confirmation, or that they are unhealthy',
    (s) => s.retained.mass + s.retained.outage,
  );
  perScope('source_held_unhealthy_endpoints', 'Those of them that the registry lists, as unhealthy', (s) => s.unhealthy);
  perScope('source_damped_endpoints', 'Endpoints whose removal waits because they come and go', (s) => s.retained.flap);
  perScope('source_refused_endpoints', 'Endpoints left out as older views of registrations that are over', (scope) => {
    let refused = 0;
    for (const id of scope.waiting) refused += scope.records.get(id)?.refused.length ?? 0;
    return refused;
  });
  gauge('faults', 'Bugs that were contained, since the start', (observe) => {
    for (const [work, count] of engine.faults.counts) observe(count, { work });
  });
  gauge('tombstones', 'Registrations that are over and remembered', (observe) => observe(engine.catalog.tombstones, {}));
}
