// `npm run bench`: the measurements of test/bench, on real servers.
import { ensure } from './ensure.mjs';
import { projectNode } from './paths.mjs';
import { main, run } from './run.mjs';

main(async () => {
  await ensure();
  const node = projectNode();
  const provision = await run(node, ['--conditions=source', 'test/servers/src/provision.ts'], { stream: true });
  if (provision.code !== 0) return provision.code;
  const flags = ['--conditions=source', '--expose-gc', '--disable-warning=ExperimentalWarning'];
  // As `isthmus serve` starts the bridge (apps/cli/src/serve-flags.ts): some scenarios run it in their own process.
  const youngGeneration = ['--max-semi-space-size=4', '--min-semi-space-size=4'];
  const young = [...youngGeneration, '--no-parallel-scavenge', '--no-concurrent-array-buffer-sweeping'];
  const collector = [...young, '--no-allocation-site-pretenuring', '--page-promotion-threshold=20'];
  return (await run(node, [...flags, ...collector, 'test/bench/main.ts', ...process.argv.slice(2)], { stream: true })).code;
});
