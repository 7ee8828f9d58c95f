import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { load, machine } from './src/machine.ts';
import { agentFleet } from './src/agent-fleet.ts';
import { agentDecision } from './src/agent-decision.ts';
import { agentCost } from './src/agent-cost.ts';
import { agentFlip, agentFlipIptables } from './src/agent-flip.ts';
import { agentShadow } from './src/agent-shadow.ts';
import { churn } from './src/churn.ts';
import { latency } from './src/latency.ts';
import { mcp } from './src/mcp.ts';
import { podEvents } from './src/pod-events.ts';
import { propagation } from './src/propagation.ts';
import { resultsText, sectionText } from './src/report.ts';
import { scaling } from './src/scaling.ts';
import { snapshot } from './src/snapshot.ts';
import { xdsRules } from './src/xds-rules.ts';
import { xdsChange } from './src/xds-change.ts';
import { xdsChaos } from './src/xds-chaos.ts';
import { xdsChurn } from './src/xds-churn.ts';
import { xdsConnect } from './src/xds-connect.ts';
import { xdsFanout } from './src/xds-fanout.ts';

const scenarios = [
  latency,
  propagation,
  snapshot,
  scaling,
  podEvents,
  churn,
  mcp,
  xdsChange,
  xdsFanout,
  xdsConnect,
  xdsChurn,
  xdsRules,
  xdsChaos,
  agentDecision,
  agentShadow,
  agentFleet,
  agentFlip,
  agentFlipIptables,
  agentCost,
];
const names = scenarios.map(({ name }) => name);
const file = join(import.meta.dirname, 'RESULTS.md');

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !names.includes(name));
if (unknown.length > 0) {
  process.stderr.write(`there is no scenario ${unknown.join(', ')}; choose from: ${names.join(', ')} (none named: all)\n`);
  process.exit(2);
}

let failures = 0;
for (const { name, title, run } of scenarios.filter((scenario) => wanted.length === 0 || wanted.includes(scenario.name))) {
  const loadBefore = load();
  process.stdout.write(`\n${title}\n`);
  try {
    const result = await run((line) => process.stdout.write(`  ${line}\n`));
    const date = new Date().toISOString().slice(0, 10);
    const text = sectionText({ name, title, date, loadBefore, loadAfter: load(), machine: machine(), result });
    process.stdout.write(`\n${text}`);
    const old = await readFile(file, 'utf8').catch(() => '');
    await writeFile(file, resultsText(old, new Map([[name, text]]), names)); // after each, so that a failure costs one
  } catch (error) {
    failures += 1;
    process.stderr.write(`${name} could not be measured: ${error instanceof Error ? error.stack : String(error)}\n`);
  }
}
process.exit(failures === 0 ? 0 : 1);
