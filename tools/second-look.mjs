// What is decided about files of real servers that failed: which of them run once more, alone, and what then counts.
import { stripVTControlCharacters } from 'node:util';

/** More than this is broken, not busy. */
const MOST = 6;

const failed = ({ status }) => status === 'failed';

/**
 * Of a Jest run's JSON: the files to run again. None of more than {@link MOST}, and none where Jest itself ended badly (a crash, a
 * signal: any code but 1), for what then is missing in its JSON cannot be run again.
 * @param {{ readonly code: number, readonly testResults: readonly object[] }} run
 * @returns {string[]} absolute paths
 */
export function filesToRunAgain({ code, testResults }) {
  const files = testResults.filter(failed).map(({ name }) => name);
  return code === 1 && files.length <= MOST ? files : [];
}

/**
 * The run as it counts: of a file that ran again the second result, unless there is none; and what to say of those that then passed.
 * @param {readonly object[]} first @param {readonly object[]} again the `testResults` of both runs
 */
export function secondLook(first, again) {
  const second = new Map(again.map((file) => [file.name, file]));
  const passedNow = (file) => failed(file) && second.get(file.name)?.status === 'passed';
  return {
    counts: countsOf(first.map((file) => second.get(file.name) ?? file)),
    onlyAgain: first.filter(passedNow).map((file) => ({ file: file.name, tests: failures(file) })),
  };
}

/** Of each file the tests by their end; a file that could not run has no tests and counts as one that failed, as one whose hook did. */
export function countsOf(files) {
  const counts = { passed: 0, failed: 0, skipped: 0 };
  for (const file of files) {
    const states = file.assertionResults.map(({ status }) => status);
    const bad = states.filter((status) => status === 'failed').length;
    counts.passed += states.filter((status) => status === 'passed').length;
    counts.failed += bad === 0 && failed(file) ? 1 : bad;
    counts.skipped += states.filter((status) => status !== 'passed' && status !== 'failed').length;
  }
  return counts;
}

function failures({ assertionResults, message }) {
  const tests = assertionResults.filter(failed);
  if (tests.length === 0) return [{ name: 'the file itself', error: inShort(message) }];
  return tests.map(({ fullName, failureMessages }) => ({ name: fullName, error: inShort(failureMessages[0]) }));
}

/** The first line of a message that says something, and the line of the test that it came from. */
function inShort(text) {
  const lines = stripVTControlCharacters(text ?? '')
    .split('\n')
    .map((line) => line.trim());
  const said = lines.find((line) => line !== '' && !line.startsWith('●')) ?? 'no message';
  const where = /[^/(\s]+\.test\.ts:\d+/.exec(lines.find((line) => line.startsWith('at ') && line.includes('.test.ts:')) ?? '');
  return where === null ? said : `${said} (${where[0]})`;
}

/** For the end of the run, where nobody overlooks it. @returns {string} empty when nothing passed only the second time */
export function told(onlyAgain) {
  if (onlyAgain.length === 0) return '';
  const lines = onlyAgain.flatMap(({ file, tests }) => [
    `  ${file}`,
    ...tests.flatMap(({ name, error }) => [`    ● ${name}`, `        ${error}`]),
  ]);
  return `\npassed only when run again alone (look at these: a busy machine or a race):\n${lines.join('\n')}\n`;
}
