import { createHash } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';

const root = fileURLToPath(new URL('..', import.meta.url));
const lines = readFileSync(`${root}LOCK`, 'utf8').split('\n');
const entries = (kind: string) => lines.filter((line) => line.startsWith(`${kind} `)).map((line) => line.split(' ').slice(1));
const sha256 = (path: string) => createHash('sha256').update(readFileSync(path)).digest('hex');

test('the generated sources are exactly those that LOCK names', () => {
  const found = readdirSync(`${root}src/gen`, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => `${entry.parentPath}/${entry.name}`)
    .map((path) => [path.slice(`${root}src/gen/`.length), sha256(path)]);
  expect(found.sort()).toEqual(entries('file').sort());
});

test('LOCK was written from the committed list of roots and the committed modules', () => {
  expect(entries('roots')).toEqual([['inputs/roots.txt', sha256(`${root}inputs/roots.txt`)]]);
  const sums = readFileSync(`${root}inputs/go.sum`, 'utf8').split('\n');
  for (const [path, version, sum] of entries('module')) expect(sums).toContain(`${path} ${version} ${sum}`);
});
