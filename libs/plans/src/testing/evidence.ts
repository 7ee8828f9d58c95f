import { LATENCY_BOUNDS } from '@isthmus/ladder';
import type { AgentPresence, ArmTotals } from '../fleet-view.ts';
import { NO_CALLS, NO_VIEWS } from '../fleet-view.ts';
import type { StepEvidence } from '../step-evidence.ts';
import type { RegistrationNow } from '../withdrawal.ts';
import type { ServiceKey } from '@isthmus/model';

/** Where an SDK registers the target of `evidence`. @param listed instances there; undefined: it cannot be read */
export function registration(listed: number | undefined, holders: RegistrationNow['holders'] = []): RegistrationNow {
  const key: ServiceKey = { source: 'shop' as ServiceKey['source'], namespace: 'public', group: 'DEFAULT_GROUP', name: 'orders' };
  return { key, sdkName: 'nacos/public/DEFAULT_GROUP/orders', listed, holders };
}

export const WEB: AgentPresence = { service: 'web', instance: 'web-1', connected: true, acknowledged: true };

/** Calls that all took about as long. @param ms how long */
export function arm(calls: number, failures = 0, ms = 10, attempts = calls): ArmTotals {
  const latency = Array.from({ length: LATENCY_BOUNDS.length + 1 }, () => 0);
  const at = LATENCY_BOUNDS.findIndex((bound) => bound >= ms);
  latency[at < 0 ? LATENCY_BOUNDS.length : at] = calls;
  return { calls, failures, attempts, latency };
}

/** A step without calls, with one connected agent, and a proof. */
export function evidence(over: Partial<StepEvidence> = {}): StepEvidence {
  return {
    sdk: NO_CALLS,
    mesh: NO_CALLS,
    views: NO_VIEWS,
    agents: [WEB],
    proof: { items: [{ about: 'providers', outcome: 'proven', why: 'no call came past the mesh' }] },
    lossy: [],
    registrations: [registration(1)],
    elsewhere: 1,
    target: { host: 'orders.shop', port: 80 },
    ...over,
  };
}
