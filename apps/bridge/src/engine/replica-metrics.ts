import type { Engine } from './engine.ts';
import type { AddGauge } from './gauges.ts';

/** Of several replicas; one alone has none of these. */
export function observeReplicas({ replicas }: Engine, gauge: AddGauge): void {
  if (replicas === undefined) return;
  const { ledger } = replicas;
  gauge('replica_leader', '1 on the replica that leads', (observe) => observe(ledger.status.role === 'leader' ? 1 : 0, {}));
  gauge('ledger_epoch', 'Epoch of the shared ledger: grows with every new leader', (observe) => observe(ledger.status.epoch, {}));
  gauge('ledger_store_silent_seconds', 'Since the store of the shared ledger answered last', (observe) => {
    const { storeSilentMs } = ledger.status;
    if (storeSilentMs !== undefined) observe(storeSilentMs / 1_000, {});
  });
  gauge('ledger_waiting_changes', 'Changes that wait for the leader or the store', (observe) =>
    observe(ledger.status.waiting, {}),
  );
  gauge('withheld_hosts', 'Hosts that wait for the leader to give them an address', (observe) => observe(replicas.withheld, {}));
}
