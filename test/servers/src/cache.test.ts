import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { cacheKey, cacheRoot } from './cache.ts';

let recipes: string;

beforeEach(async () => {
  recipes = await mkdtemp(join(tmpdir(), 'isthmus-recipes-'));
  await mkdir(join(recipes, 'consul', 'src'), { recursive: true });
  await writeFile(join(recipes, 'consul', 'go.mod'), 'module a\n');
});

afterEach(() => rm(recipes, { recursive: true, force: true }));

test('the cache is where the XDG specification says, and a relative value is ignored', () => {
  expect(cacheRoot({ XDG_CACHE_HOME: '/var/cache/me' })).toBe('/var/cache/me/isthmus');
  expect(cacheRoot({ XDG_CACHE_HOME: 'relative' })).toMatch(/^\/.*\/\.cache\/isthmus$/);
  expect(cacheRoot({})).toBe(cacheRoot({ XDG_CACHE_HOME: '' }));
});

test('the same recipe has the same key wherever the clone is', async () => {
  const other = await mkdtemp(join(tmpdir(), 'isthmus-recipes-'));
  await mkdir(join(other, 'consul'));
  await writeFile(join(other, 'consul', 'go.mod'), 'module a\n');
  expect(await cacheKey('consul', '1.22.7', other)).toBe(await cacheKey('consul', '1.22.7', recipes));
  await rm(other, { recursive: true });
});

test('another version, a changed file and a moved file are other keys', async () => {
  const keys = [await cacheKey('consul', '1.22.7', recipes), await cacheKey('consul', '1.22.8', recipes)];
  await writeFile(join(recipes, 'consul', 'go.mod'), 'module b\n');
  keys.push(await cacheKey('consul', '1.22.7', recipes));
  await writeFile(join(recipes, 'consul', 'src', 'x'), '');
  keys.push(await cacheKey('consul', '1.22.7', recipes));
  expect(new Set(keys).size).toBe(4);
  expect(keys[0]).toMatch(/^consul-1\.22\.7-[0-9a-f]{12}$/);
});
