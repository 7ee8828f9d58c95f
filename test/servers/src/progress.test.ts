import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { formatProgress, printProgress, readProgress, writeProgress, type Progress } from './progress.ts';

const building: Progress = { server: 'consul', version: '1.22.7', phase: 'building', elapsedMs: 132_400 };
let root: string;

beforeEach(async () => (root = await mkdtemp(join(tmpdir(), 'isthmus-progress-'))));
afterEach(() => rm(root, { recursive: true, force: true }));

test('a line says which server, what is going on and since when', () => {
  expect(formatProgress(building)).toBe('consul 1.22.7: building, 132 s');
  expect(formatProgress({ ...building, elapsedMs: 0 })).toBe('consul 1.22.7: building, 0 s (a first time takes about 400 s)');
  expect(formatProgress({ ...building, phase: 'ready', elapsedMs: 14_210, cached: true })).toBe(
    'consul 1.22.7: ready in 14.2 s (cached)',
  );
  expect(formatProgress({ ...building, phase: 'failed', error: 'no network' })).toBe(
    'consul 1.22.7: failed after 132 s: no network',
  );
});

test('the printer repeats a phase only now and then, and leaves out what was cached', () => {
  const lines: string[] = [];
  const print = printProgress({ write: (text) => lines.push(text) }, 10_000);
  for (const elapsedMs of [0, 1_000, 9_000, 10_000, 11_000]) print({ ...building, elapsedMs });
  print({ ...building, server: 'envoy', phase: 'ready', cached: true });
  print({ ...building, phase: 'ready', elapsedMs: 12_000 });
  expect(lines.map((line) => line.split(': ')[1])).toEqual([
    'building, 0 s (a first time takes about 400 s)\n',
    'building, 10 s\n',
    'ready in 12.0 s\n',
  ]);
});

test('another process reads what the building one wrote', async () => {
  await writeProgress(root, building);
  expect(await readProgress(root, 'consul')).toEqual(building);
  expect(await readProgress(root, 'istiod')).toBeUndefined();
});

test('a build whose process died is not under way any more, a finished one stays finished', async () => {
  const pid = spawnSync(process.execPath, ['-e', '']).pid;
  await writeFile(join(root, 'consul.progress.json'), JSON.stringify({ ...building, pid }));
  expect(await readProgress(root, 'consul')).toBeUndefined();
  await writeFile(join(root, 'consul.progress.json'), JSON.stringify({ ...building, phase: 'ready', pid }));
  expect(await readProgress(root, 'consul')).toMatchObject({ phase: 'ready' });
});

test.each(['', 'null', '[]', '{"server":"nobody","elapsedMs":1,"pid":1}'])(
  'a progress file with %j in it is as good as none',
  async (text) => {
    await writeFile(join(root, 'consul.progress.json'), text);
    expect(await readProgress(root, 'consul')).toBeUndefined();
  },
);
