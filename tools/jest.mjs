// One Jest run of one project: its output is streamed, its counts are read from the JSON that it writes.
import { readFile, rm } from 'node:fs/promises';
import { relative } from 'node:path';
import { at, projectNode, root } from './paths.mjs';
import { run } from './run.mjs';
import { countsOf, filesToRunAgain, secondLook } from './second-look.mjs';

/**
 * @param {string} project of jest.config.mjs
 * @param {readonly string[]} args Jest's
 * @param {{ readonly again?: boolean }} [options] `again`: files that failed run once more, alone (second-look.mjs)
 * @returns {Promise<{ passed: number, failed: number, skipped: number, onlyAgain: object[] }>} skipped ones are among `failed` too
 */
export async function jest(project, args, { again = false } = {}) {
  const first = await once(project, args);
  const files = again ? filesToRunAgain(first) : [];
  if (files.length === 0) return total(countsOf(first.testResults), first.code);
  process.stdout.write(`\nonce more, alone, what failed:\n${files.map((file) => `  ${relative(root, file)}\n`).join('')}`);
  const second = await once(project, ['--maxWorkers=1', '--runTestsByPath', ...files]);
  const { counts, onlyAgain } = secondLook(first.testResults, second.testResults);
  const named = onlyAgain.map(({ file, tests }) => ({ file: relative(root, file), tests }));
  return { ...total(counts, second.code), onlyAgain: named };
}

async function once(project, args) {
  const file = at('node_modules', '.cache', 'isthmus', `${project}-tests.json`);
  await rm(file, { force: true });
  const flags = ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning'];
  const program = at('node_modules', 'jest', 'bin', 'jest.js');
  const options = ['--selectProjects', project, '--json', `--outputFile=${file}`, ...args];
  const { code } = await run(projectNode(), [...flags, program, ...options], { stream: true });
  const text = await readFile(file, 'utf8').catch(() => '{"testResults":[]}');
  return { code, testResults: JSON.parse(text).testResults };
}

/** Jest can end badly with no test failed: a crash, a coverage threshold, nothing found. */
function total(counts, code) {
  const bad = counts.failed + counts.skipped;
  return { ...counts, failed: bad || (code === 0 ? 0 : 1), onlyAgain: [] };
}
