import type { Engine } from './engine.ts';
import type { AddGauge } from './gauges.ts';

/** Of files and Kubernetes. */
export function observeOutputs({ objects }: Engine, gauge: AddGauge): void {
  gauge('output_pending_hosts', 'Hosts that wait to be written', (observe) => {
    for (const { name, pending } of objects.all) observe(pending, { output: name });
  });
  gauge('output_problems', 'Things that could not be written', (observe) => {
    for (const output of objects.all) observe(output.diagnostics().length, { output: output.name });
  });
}
