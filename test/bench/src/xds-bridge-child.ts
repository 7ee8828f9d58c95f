// A bridge with a scripted registry in a process of its own, started by xds-subject.ts, so that its CPU and memory are its own.
import { setTimeout as pause } from 'node:timers/promises';
import { SERVICE_ENTRY_TYPE } from '@isthmus/translate';
import { InProcessBridge } from './in-process-bridge.ts';
import { monotonic } from './monotonic.ts';
import { ScriptedRegistry } from './scripted-registry.ts';

export interface BridgeSetup {
  readonly services: number;
  readonly instances: number;
  /** Serves an istiod too. */
  readonly mcp: boolean;
}

/** One change: of which service, to which weight, when (`monotonic()`). */
export type Change = readonly [service: number, weight: number, at: number];

export type BridgeSays =
  | { readonly kind: 'ready'; readonly port: number; readonly mcpPort: number }
  /** When the registry said so, and when the MCP client was sent it (NaN as null: it was not). */
  | { readonly kind: 'changed'; readonly at: number }
  | { readonly kind: 'mcpPushed'; readonly at: number }
  | { readonly kind: 'churned'; readonly changes: readonly Change[] };

export type BridgeTold = `change ${number} ${number}` | `churn ${number} ${number}` | 'end';

const { services, instances, mcp } = JSON.parse(process.argv[2] ?? '{}') as BridgeSetup;
const say = (message: BridgeSays) => void process.send?.(message);
const registry = new ScriptedRegistry(services, instances);
let awaitsMcp = false;
const bridge = await InProcessBridge.start(
  [registry.entry],
  {
    onMcp: (event) => {
      if (!awaitsMcp || event.kind !== 'pushed' || event.type !== SERVICE_ENTRY_TYPE) return;
      awaitsMcp = false;
      say({ kind: 'mcpPushed', at: monotonic() });
    },
  },
  [registry.kind],
  mcp ? {} : { outputs: { xds: { listen: '127.0.0.1:1' } } },
);
registry.sayAll();
await bridge.engine.readiness.ready;
say({ kind: 'ready', port: bridge.port, mcpPort: bridge.mcpPort });

process.on('message', (told: BridgeTold) => {
  const [what, ...numbers] = told.split(' ');
  const [first = 0, second = 0] = numbers.map(Number);
  if (what === 'change') change(first, second);
  else if (what === 'churn') void churn(first, second);
  else void end();
});
process.on('disconnect', () => void end());

function change(service: number, weight: number): void {
  awaitsMcp = true;
  const at = monotonic();
  registry.change(service, weight);
  say({ kind: 'changed', at });
}

/** One service after the other, each time with the next weight. */
async function churn(perSecond: number, seconds: number): Promise<void> {
  const changes: Change[] = [];
  const start = monotonic();
  while (changes.length < perSecond * seconds) {
    const due = Math.min(perSecond * seconds, Math.floor(((monotonic() - start) / 1_000) * perSecond));
    while (changes.length < due) {
      const service = changes.length % services;
      const weight = 2 + Math.floor(changes.length / services);
      changes.push([service, weight, monotonic()]);
      registry.change(service, weight);
    }
    await pause(2);
  }
  say({ kind: 'churned', changes });
}

async function end(): Promise<void> {
  await bridge.close();
  process.exit(0);
}
