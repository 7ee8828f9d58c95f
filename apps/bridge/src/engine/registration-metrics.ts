import type { Engine } from './engine.ts';

type Gauge = (
  name: string,
  description: string,
  collect: (observe: (value: number, labels: Record<string, string>) => void) => void,
) => void;

/** Proxies that are workloads of a WorkloadGroup. */
export function observeRegistration({ istio: { registration } }: Engine, gauge: Gauge): void {
  gauge('registered_workloads', 'Proxies registered by a WorkloadGroup, by state: in, unwell, away, refused', (observe) => {
    const counts = new Map<string, number>();
    for (const { state } of registration.workloads()) counts.set(state, (counts.get(state) ?? 0) + 1);
    for (const [state, count] of counts) observe(count, { state });
  });
  gauge('workload_registrations_refused', 'Registrations by a WorkloadGroup that came to nothing, since the start', (observe) =>
    observe(registration.refusals, {}),
  );
}
