import { steadyClock } from '@isthmus/model';
import type { BridgeConfig } from '../engine/bridge-config.ts';
import type { Engine } from '../engine/engine.ts';
import { Agents } from './agents.ts';
import type { Leader } from './forward-reports.ts';

/** Equal to the one in the root package.json (tested). */
export const VERSION = '0.1.0';

/** The agents of a bridge whose engine is made after them: plans are told to them. */
export function openAgents(config: BridgeConfig, engine: () => Engine, signal: AbortSignal): Promise<Agents> {
  return Agents.open({
    tokens: config.agents,
    config: () => engine().config.agents,
    bridge: VERSION,
    now: () => steadyClock.now(),
    merged: (host) => engine().catalog.merged(host),
    leader: () => leaderOf(engine()),
    isReady: () => hasLedger(engine()),
    signal,
  });
}

/** A ledger of one replica is read before it serves; the store of several may answer later. */
function hasLedger({ replicas }: Engine): boolean {
  return replicas === undefined || replicas.ledger.status.epoch > 0;
}

function leaderOf({ replicas }: Engine): Leader {
  if (replicas === undefined || replicas.ledger.status.role === 'leader') return { kind: 'here' };
  const control = replicas.ledger.status.leader?.control;
  return control === undefined ? { kind: 'unknown' } : { kind: 'at', control };
}
