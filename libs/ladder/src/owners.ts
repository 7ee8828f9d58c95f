import type { Rung } from './rung.ts';

/** What a plan can hand to the sidecar one by one at `resilience`. */
export const POLICIES = ['timeout', 'retry', 'circuitBreaking'] as const;

export type Policy = (typeof POLICIES)[number];

/** `finds` knows the instances, `picks` chooses one for a call, `registers` is whether the SDK's registration is kept. */
export type Capability = 'finds' | 'picks' | Policy | 'registers';

export type Owner = 'sdk' | 'agent' | 'sidecar' | 'process' | 'nobody';

/**
 * Who does it for the calls of this rung. A function, so that there is always exactly one: never two breakers, never two retry loops.
 * `process` is the application's own client: at `traffic` the mesh's own policies are off for this consumer.
 * @param hand the policies handed over at `resilience`; the others stay in the process.
 */
export function ownerOf(capability: Capability, rung: Rung, hand: readonly Policy[] = POLICIES): Owner {
  switch (capability) {
    case 'finds':
      return byRung(rung, 'sdk', 'agent');
    case 'picks':
      return byRung(rung, 'sdk', 'agent');
    case 'registers':
      return rung === 'retired' ? 'nobody' : 'sdk';
    case 'timeout':
    case 'retry':
    case 'circuitBreaking':
      if (rung === 'retired') return 'sidecar';
      return rung === 'resilience' && hand.includes(capability) ? 'sidecar' : 'process';
    default:
      return capability satisfies never;
  }
}

function byRung(rung: Rung, low: Owner, discovery: Owner): Owner {
  switch (rung) {
    case 'sdk':
    case 'shadow':
      return low;
    case 'discovery':
      return discovery;
    case 'traffic':
    case 'resilience':
    case 'retired':
      return 'sidecar';
    default:
      return rung satisfies never;
  }
}
