import type { Engine } from './engine.ts';
import type { AddGauge } from './gauges.ts';

/** Proxies that are workloads of a WorkloadGroup. */
export function observeRegistration({ istio: { registration } }: Engine, gauge: AddGauge): void {
  gauge('registered_workloads', 'Proxies registered by a WorkloadGroup, by state: in, unwell, away, refused', (observe) => {
    for (const [state, count] of registration.counts()) observe(count, { state });
  });
  gauge('workload_registrations_refused', 'Registrations by a WorkloadGroup that came to nothing, since the start', (observe) =>
    observe(registration.refusals, {}),
  );
}
