import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { provide } from './provide.ts';
import type { BuildContext } from './build-step.ts';
import type { Progress } from './progress.ts';

let root: string;

beforeEach(async () => (root = await mkdtemp(join(tmpdir(), 'isthmus-cache-'))));
afterEach(() => rm(root, { recursive: true, force: true }));

const leaveProgram = ({ dir }: BuildContext): Promise<void> => writeFile(join(dir, 'program'), 'x');

test('what is missing is built once, then found', async () => {
  const said: Progress[] = [];
  const options = { root, onProgress: (progress: Progress) => said.push(progress) };
  const first = await provide('envoy', { ...options, build: leaveProgram });
  const second = await provide('envoy', { ...options, build: () => Promise.reject(new Error('must not be built again')) });
  expect(second).toEqual(first);
  expect(await readdir(first.home)).toEqual(['program']);
  expect(said.map(({ phase, cached }) => [phase, cached])).toEqual([
    ['ready', undefined],
    ['ready', true],
  ]);
});

test('a build that fails leaves nothing behind and can be tried again', async () => {
  const options = { root, onProgress: () => undefined };
  const broken = provide('consul', {
    ...options,
    build: (context) => leaveProgram(context).then(() => Promise.reject(new Error('no network'))),
  });
  await expect(broken).rejects.toThrow('no network');
  expect(await readdir(root)).toEqual(['consul.progress.json']);
  expect(JSON.parse(await readFile(join(root, 'consul.progress.json'), 'utf8'))).toMatchObject({
    phase: 'failed',
    error: 'no network',
  });
  await provide('consul', { ...options, build: leaveProgram });
});

test('what an interrupted build left is cleared away, and other keys are left alone', async () => {
  const { home } = await provide('envoy', { root, onProgress: () => undefined, build: leaveProgram });
  await rm(home, { recursive: true });
  await mkdir(`${home}.building-abc`);
  await mkdir(join(root, 'envoy-1.36.4-0123456789ab.building-abc'));
  await provide('envoy', { root, onProgress: () => undefined, build: leaveProgram });
  const directories = (await readdir(root)).filter((name) => !name.endsWith('.json'));
  expect(directories.sort()).toEqual(['envoy-1.36.4-0123456789ab.building-abc', basename(home)].sort());
});

test('processes that ask at the same time get one build', async () => {
  const script = fileURLToPath(new URL('./testing/provide-fake.ts', import.meta.url));
  const log = join(root, 'builds');
  const ask = () => promisify(execFile)(process.execPath, [script, join(root, 'cache'), log]);
  const homes = new Set((await Promise.all([ask(), ask(), ask()])).map(({ stdout }) => stdout.trim()));
  expect(homes.size).toBe(1);
  expect((await readFile(log, 'utf8')).trim().split('\n')).toHaveLength(1);
}, 30_000);
