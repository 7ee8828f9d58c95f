// A bridge that reads Istio's objects from a directory, in a process of its own, started by xds-rules.ts.
import { InProcessBridge } from './in-process-bridge.ts';
import { ScriptedRegistry } from './scripted-registry.ts';
import { StallProbe } from './stall-probe.ts';
import type { Stalls } from './stall-probe.ts';

export interface RulesBridgeSetup {
  readonly dir: string;
}

export type RulesBridgeSays =
  { readonly kind: 'listens'; readonly port: number } | { readonly kind: 'stalls'; readonly stalls: Stalls };

export type RulesBridgeTold = 'stalls' | 'end';

const { dir } = JSON.parse(process.argv[2] ?? '{}') as RulesBridgeSetup;
const say = (message: RulesBridgeSays) => void process.send?.(message);
const registry = new ScriptedRegistry(0, 0); // the services are ServiceEntries
const bridge = await InProcessBridge.start([registry.entry], {}, [registry.kind], { istio: { dir, namespace: 'shop' } });
const probe = new StallProbe();
registry.sayAll();
say({ kind: 'listens', port: bridge.port });

process.on('message', (told: RulesBridgeTold) => {
  if (told === 'stalls') say({ kind: 'stalls', stalls: probe.take() });
  else void end();
});
process.on('disconnect', () => void end());

async function end(): Promise<void> {
  probe.stop();
  await bridge.close();
  process.exit(0);
}
