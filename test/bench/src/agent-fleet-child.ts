// Many agents in one process, started by agent-fleet.ts: each follows the control plane by a stream of its own.
import { startAgent } from '@isthmus/agent';
import type { Agent } from '@isthmus/agent';
import { monotonic } from './monotonic.ts';

export interface FleetSetup {
  readonly port: number;
  readonly agents: number;
  /** The agents are of so many services, in turns. */
  readonly services: number;
  /** Number of this process: names its services' agents apart. */
  readonly process: number;
}

export type FleetSays =
  | { readonly kind: 'synced' }
  | { readonly kind: 'armed' }
  /** `monotonic()` when each had the plan in force; CPU of the process since it was told to expect it, ms. */
  | { readonly kind: 'effective'; readonly at: readonly number[]; readonly cpuMs: number };

/** `expect VERSION`: say when all have that plan. */
export type FleetTold = `expect ${string}` | 'end';

const { port, agents: count, services } = JSON.parse(process.argv[2] ?? '{}') as FleetSetup;
const say = (message: FleetSays) => void process.send?.(message);

let expected: string | undefined;
let at: number[] = [];
let cpu = process.cpuUsage();
const synced = new Set<number>();
const agents: Agent[] = [];

for (let n = 0; n < count; n += 1) {
  const agent = startAgent({
    control: { place: { url: `http://127.0.0.1:${port}`, service: `service-${n % services}` } },
    places: { egress: { host: '127.0.0.1', port: 9 } },
    intercept: false,
    emit: () => undefined,
  });
  agents.push(agent);
  let had = '';
  agent.clients.onChange(() => {
    const { planVersion } = agent;
    if (planVersion === had) return;
    had = planVersion;
    if (synced.size < count) {
      synced.add(n);
      if (synced.size === count) say({ kind: 'synced' });
    }
    if (planVersion !== expected) return;
    at.push(monotonic());
    if (at.length === count) {
      const { user, system } = process.cpuUsage(cpu);
      say({ kind: 'effective', at, cpuMs: (user + system) / 1_000 });
    }
  });
}

process.on('message', (told: FleetTold) => {
  if (told === 'end') {
    for (const agent of agents) agent.close();
    process.disconnect();
    return;
  }
  expected = told.slice('expect '.length);
  at = [];
  cpu = process.cpuUsage();
  say({ kind: 'armed' });
});
// Agents keep no process alive.
setInterval(() => undefined, 60_000);
process.on('disconnect', () => process.exit(0));
