import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, test } from '@jest/globals';

interface File {
  readonly name: string;
  readonly status: string;
  readonly message: string;
  readonly assertionResults: readonly { fullName: string; status: string; failureMessages: readonly string[] }[];
}
interface SecondLook {
  filesToRunAgain(run: { code: number; testResults: readonly File[] }): string[];
  secondLook(
    first: readonly File[],
    again: readonly File[],
  ): {
    counts: { passed: number; failed: number; skipped: number };
    onlyAgain: { file: string; tests: { name: string; error: string }[] }[];
  };
  told(onlyAgain: readonly object[]): string;
}

// The tools are plain JavaScript, which runs before the install.
const tools = pathToFileURL(join(import.meta.dirname, '../../tools/second-look.mjs')).href;
const { filesToRunAgain, secondLook, told } = (await import(tools)) as SecondLook;

const MESSAGE = '\u001B[31mError: no lease\u001B[39m\n    at until (/x/test/until.ts:3:1)\n    at /x/libs/a.real.test.ts:12:9';

const file = (name: string, ...states: readonly string[]): File => ({
  name,
  status: states.includes('failed') || states.length === 0 ? 'failed' : 'passed',
  message: states.length === 0 ? '  ● Test suite failed to run\n\n    no server' : '',
  assertionResults: states.map((status, at) => ({
    fullName: `${name} ${at}`,
    status,
    failureMessages: status === 'failed' ? [MESSAGE] : [],
  })),
});

const good = file('good', 'passed', 'passed');
const bad = file('bad', 'passed', 'failed');

test('only the files that failed run again', () => {
  expect(filesToRunAgain({ code: 1, testResults: [good, bad, file('unread')] })).toEqual(['bad', 'unread']);
  expect(filesToRunAgain({ code: 0, testResults: [good] })).toEqual([]);
});

test('seven failed files are no accident, and a run that crashed has no list to go by', () => {
  const files = (count: number) => Array.from({ length: count }, (_, at) => file(`${at}`, 'failed'));
  expect(filesToRunAgain({ code: 1, testResults: files(6) })).toHaveLength(6);
  expect(filesToRunAgain({ code: 1, testResults: files(7) })).toEqual([]);
  expect(filesToRunAgain({ code: 137, testResults: [bad] })).toEqual([]);
});

test('a file that passes alone counts, and is named with each test and its error', () => {
  const { counts, onlyAgain } = secondLook([good, bad], [file('bad', 'passed', 'passed')]);
  expect(counts).toEqual({ passed: 4, failed: 0, skipped: 0 });
  expect(onlyAgain).toEqual([{ file: 'bad', tests: [{ name: 'bad 1', error: 'Error: no lease (a.real.test.ts:12)' }] }]);
  expect(told(onlyAgain)).toBe(
    '\npassed only when run again alone (look at these: a busy machine or a race):\n' +
      '  bad\n    ● bad 1\n        Error: no lease (a.real.test.ts:12)\n',
  );
});

test('a file that could not be loaded the first time is named too', () => {
  const { counts, onlyAgain } = secondLook([file('unread')], [file('unread', 'passed')]);
  expect(counts).toEqual({ passed: 1, failed: 0, skipped: 0 });
  expect(onlyAgain).toEqual([{ file: 'unread', tests: [{ name: 'the file itself', error: 'no server' }] }]);
});

test('a file that fails twice fails, by the second result, or by the first when the second says nothing', () => {
  expect(secondLook([good, bad], [file('bad', 'failed', 'passed')])).toEqual({
    counts: { passed: 3, failed: 1, skipped: 0 },
    onlyAgain: [],
  });
  expect(secondLook([good, bad], [file('bad')]).counts).toEqual({ passed: 2, failed: 1, skipped: 0 });
  expect(secondLook([good, bad], []).counts).toEqual({ passed: 3, failed: 1, skipped: 0 });
});

test('a skipped test is neither, and a file whose hook failed is a failure even if all its tests passed', () => {
  const hook = { ...good, status: 'failed' };
  expect(secondLook([hook, file('odd', 'pending', 'todo', 'passed')], []).counts).toEqual({ passed: 3, failed: 1, skipped: 2 });
});

test('nothing is said of a run in which all passed the first time', () => {
  expect(told([])).toBe('');
});
