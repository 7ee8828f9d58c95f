// `npm test`: everything. `--unit`, `--wire`: these tests only (jest.config.mjs); arguments after it go to Jest. The last line is always `N passed, N failed`.
import { buildAgent } from './build-agent.mjs';
import { buildApps } from './build-apps.mjs';
import { install } from './install.mjs';
import { jest } from './jest.mjs';
import { at, projectNode } from './paths.mjs';
import { main, run, seconds } from './run.mjs';
import { told } from './second-look.mjs';

const bin = (name) => at('node_modules', '.bin', name);
const summary = [];
const onlyAgain = [];
let passed = 0;
let failed = 0;

/** One step that is no Jest run counts as one test; what it printed is only shown when it fails. */
async function step(name, work) {
  const began = performance.now();
  let result;
  try {
    result = await work();
  } catch (error) {
    result = { code: 1, output: `${error.message}\n` };
  }
  const ok = result.code === 0;
  if (ok) passed += 1;
  else failed += 1;
  if (!ok) process.stdout.write(`\n✗ ${name}\n${result.output ?? ''}\n`);
  summary.push(`${ok ? '✓' : '✗'} ${name.padEnd(34)} ${seconds(began).padStart(9)}`);
}

const check = (name, program, args) => step(name, () => run(bin(program), args));

/** A Jest run's own counts go into the sum. */
async function tests(project, args, options) {
  const began = performance.now();
  const counts = await jest(project, args, options);
  passed += counts.passed;
  failed += counts.failed;
  onlyAgain.push(...counts.onlyAgain);
  const name = `${project === 'together' ? 'unit' : project} tests: ${counts.passed} passed, ${counts.failed} failed`;
  const skipped = counts.skipped > 0 ? ` (${counts.skipped} skipped, which counts as failed)` : '';
  const again = counts.onlyAgain.length > 0 ? `, ${counts.onlyAgain.length} files only when run again alone` : '';
  summary.push(`${counts.failed === 0 ? '✓' : '✗'} ${name.padEnd(34)} ${seconds(began).padStart(9)}${skipped}${again}`);
}

const node = (args) => run(projectNode(), args);
const provision = () =>
  step('servers', () => run(projectNode(), ['--conditions=source', 'test/servers/src/provision.ts', '--nice'], { stream: true }));

async function checks() {
  // At a place of its own: a `prettier` without `--cache` deletes the usual one.
  const cached = ['--cache', '--cache-strategy', 'content', '--cache-location', 'node_modules/.cache/isthmus/prettier.json'];
  await step('lock file', () => node(['tools/complete-lock.mjs', '--check']));
  await check('format (prettier)', 'prettier', ['--check', ...cached, '--log-level', 'warn', '.']);
  await check('lint (oxlint)', 'oxlint', ['--type-aware', '--deny-warnings']);
  await check('types (tsc)', 'tsc', ['-p', '.']);
  await check('import rules (dependency-cruiser)', 'depcruise', ['--config', '.dependency-cruiser.cjs', 'apps', 'libs', 'test']);
  await step('dead code (knip)', () => node([bin('knip')]));
}

async function builds() {
  await buildApps();
  await buildAgent();
  return { code: 0 };
}

async function all() {
  // Builds of servers are mostly waiting for the network or, when cold, minutes of Go: beside everything that needs no server.
  const servers = provision();
  await Promise.all([tests('together', ['--maxWorkers=2']), checks()]);
  // The tests mostly wait: more of them than there are cores, and beside them what computes.
  await Promise.all([tests('wire', ['--maxWorkers=4']), step('build (nest)', builds)]);
  await servers;
  // Servers that start, leases that end: four workers left a third of two cores idle. That more do not starve each other: test/patience.mjs.
  await tests('real', ['--maxWorkers=6'], { again: true });
}

main(async () => {
  const began = performance.now();
  const args = process.argv.slice(2);
  await install();
  const rest = args.filter((arg) => arg !== '--unit' && arg !== '--wire');
  // A third of the unit tests' time is waiting for sockets and short timers, most of the wires' for outages. Who names files means
  // files; all of them are faster by the workspace.
  if (args.includes('--unit')) await tests(rest.length > 0 ? 'unit' : 'together', ['--maxWorkers=4', ...rest]);
  else if (args.includes('--wire')) await tests('wire', ['--maxWorkers=4', ...rest]);
  else await all();
  process.stdout.write(`${told(onlyAgain)}\n${summary.join('\n')}\n\n${seconds(began)}\n${passed} passed, ${failed} failed\n`);
  return failed === 0 ? 0 : 1;
});
