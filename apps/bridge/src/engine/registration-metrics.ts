import type { Engine } from './engine.ts';

type Gauge = (
  name: string,
  description: string,
  collect: (observe: (value: number, labels: Record<string, string>) => void) => void,
) => void;

/** Proxies that are workloads of a WorkloadGroup. */
export function observeRegistration({ istio: { registration } }: Engine, gauge: Gauge): void {
  gauge('registered_workloads', 'Proxies registered by a WorkloadGroup, by state: in, unwell, away, refused', (observe) => {
    for (const [state, count] of registration.counts()) observe(count, { state });
  });
  gauge('workload_registrations_refused', 'Registrations by a WorkloadGroup that came to nothing, since the start', (observe) =>
    observe(registration.refusals, {}),
  );
}
