import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';

const ROOT = join(import.meta.dirname, '../..');

/** `higress#1546 #1566` → both with their repository; a line without a number is its own reference. */
function references(text: string): readonly string[] {
  const found: string[] = [];
  let repository = '';
  for (const [, named, number] of text.matchAll(/([a-z0-9][-a-z0-9]*)?#(\d+)/g)) {
    repository = named ?? repository;
    found.push(`${repository}#${number}`);
  }
  return found.length === 0 ? [text.trim()] : found;
}

/** The first argument of every `test(` of a file. */
function titles(file: string): readonly string[] {
  const text = readFileSync(join(ROOT, file), 'utf8');
  return [...text.matchAll(/\btest(?:\.\w+(?:\([^()]*\))?)?\(\s*(['"`])((?:\\.|(?!\1).)*)\1/gs)].map(
    ([, , title]) => title ?? '',
  );
}

const rows = readFileSync(join(ROOT, 'docs/complaints.md'), 'utf8')
  .split('\n')
  .filter((line) => line.startsWith('| ') && !line.startsWith('| seen in') && !line.startsWith('| ---'))
  .map((line) => line.split('|').map((cell) => cell.trim()))
  .map(([, seenIn = '', behaviour = '', file = '']) => ({ seenIn, behaviour, file }));

describe('docs/complaints.md', () => {
  test('has every complaint that we know of', () => {
    expect(rows.length).toBeGreaterThanOrEqual(24);
    expect(new Set(rows.flatMap(({ seenIn }) => references(seenIn))).size).toBeGreaterThanOrEqual(40);
  });

  test.each(rows)('$seenIn: a test in $file is named after it', ({ seenIn, file }) => {
    const named = new Set(titles(file).flatMap((title) => [...references(title), title.split(':')[0] ?? '']));
    expect(references(seenIn).filter((reference) => !named.has(reference))).toEqual([]);
  });
});
