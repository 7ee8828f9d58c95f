import { mkdir, mkdtemp, readdir, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { provide } from './provide.ts';
import { pruneBuilds } from './prune.ts';

const NOW = new Date('2026-11-21T12:00:00Z');
const daysAgo = (days: number) => new Date(NOW.getTime() - days * 86_400_000);

let root: string;
beforeEach(async () => (root = await mkdtemp(join(tmpdir(), 'isthmus-prune-'))));
afterEach(() => rm(root, { recursive: true, force: true }));

async function build(name: string, days: number): Promise<string> {
  await mkdir(join(root, name));
  await writeFile(join(root, name, 'program'), 'x');
  await utimes(join(root, name), daysAgo(days), daysAgo(days));
  return name;
}

test('of a server what nobody used for a month goes, but not the present build, however old', async () => {
  const kept = await build('istiod-1.27.9-aaaaaaaaaaaa', 400);
  const recent = await build('istiod-1.26.0-bbbbbbbbbbbb', 29);
  await build('istiod-1.25.0-cccccccccccc', 31);
  await pruneBuilds(root, 'istiod', kept, NOW);
  expect((await readdir(root)).sort()).toEqual([recent, kept].sort());
});

test('what belongs to another server, or is no build, is left alone', async () => {
  const kept = await build('istiod-1.27.9-aaaaaaaaaaaa', 1);
  const others = ['istio-validator-1.27.9-aaaaaaaaaaaa', 'nacos2-2.3.2-aaaaaaaaaaaa', 'istiod.progress.json', 'istiod-notes'];
  for (const name of others) await build(name, 100);
  await pruneBuilds(root, 'istiod', kept, NOW);
  expect((await readdir(root)).sort()).toEqual([kept, ...others].sort());
});

test('a build that is asked for counts as used, and building a new one clears the old ones away', async () => {
  const options = { root, onProgress: () => undefined };
  const make = ({ dir }: { readonly dir: string }) => writeFile(join(dir, 'program'), 'x');
  const { home } = await provide('envoy', { ...options, build: make });
  const longAgo = new Date(Date.now() - 100 * 86_400_000);
  await utimes(home, longAgo, longAgo);
  await provide('envoy', { ...options, build: make });
  expect(Date.now() - (await stat(home)).mtimeMs).toBeLessThan(86_400_000);
  await rm(home, { recursive: true });
  await mkdir(join(root, 'envoy-1.0.0-aaaaaaaaaaaa'));
  await utimes(join(root, 'envoy-1.0.0-aaaaaaaaaaaa'), longAgo, longAgo);
  await provide('envoy', { ...options, build: make });
  expect((await readdir(root)).filter((name) => !name.endsWith('.json'))).toEqual([basename(home)]);
});
