import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { formatDiagnostic } from './diagnostic.ts';

const source = readFileSync(join(import.meta.dirname, 'diagnostic.ts'), 'utf8');
const union = /type DiagnosticCode =([^;]*);/.exec(source)?.[1] ?? '';
const codes = [...union.matchAll(/'([^']+)'/g)].map((match) => match[1] as string);
const rows = readFileSync(join(import.meta.dirname, '../../../docs/diagnostics.md'), 'utf8')
  .split('\n')
  .filter((line) => line.startsWith('| `'))
  .map((line) => line.split('|').map((cell) => cell.trim()));

describe('docs/diagnostics.md', () => {
  test('lists every code once, in order, and no other', () => {
    expect(codes.length).toBeGreaterThan(10);
    expect(rows.map(([, code]) => code)).toEqual([...codes].sort().map((code) => `\`${code}\``));
  });

  test('says of every code what it means and what to do', () => {
    for (const [, code, meaning = '', remedy = ''] of rows) {
      expect([code, meaning.endsWith('.'), remedy.endsWith('.')]).toEqual([code, true, true]);
    }
  });
});

test('a diagnostic is one line: where, what, meaning, remedy, code', () => {
  const text = formatDiagnostic({
    code: 'port.invalid',
    severity: 'error',
    where: 'hq/dc1//orders n1/a',
    what: 'port 0 is not between 1 and 65535',
    meaning: 'the instance is left out',
    remedy: 'register the port that the service listens on',
  });
  expect(text).toBe(
    'hq/dc1//orders n1/a: port 0 is not between 1 and 65535; the instance is left out. Try: register the port that the service listens on [port.invalid]',
  );
});
