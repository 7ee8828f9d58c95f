import { readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { loadConfig, parseConfig } from './load-config.ts';
import { formatProblems } from './problem.ts';
import { testKinds } from './test-kinds.ts';
import { MOST_CONFIG_BYTES } from './yaml-file.ts';

const INPUTS = join(import.meta.dirname, 'testdata/in');
const GOLDENS = join(import.meta.dirname, 'testdata/out');
const update = process.env['UPDATE_GOLDENS'] === '1';

/** What `isthmus check` would print, or the config as a program sees it. */
function outcome(name: string): string {
  const result = parseConfig(name, readFileSync(join(INPUTS, name)), { kinds: testKinds });
  if (!result.ok) return `${formatProblems(result.problems)}\n`;
  const here = dirname(join(process.cwd(), name));
  const shown = JSON.stringify(
    { ...result.config, registries: result.config.registries.map((r) => ({ ...r, kind: r.kind.kind })) },
    (_, value: unknown) => (typeof value === 'string' && value.startsWith(here) ? `<dir>/${relative(here, value)}` : value),
    2,
  );
  return `${shown}\n`;
}

describe('configs', () => {
  const names = readdirSync(INPUTS).sort();
  const goldens = names.map((name) => name.replace(/\.yaml$/, '.txt'));

  test('every golden has its input', () => {
    for (const orphan of readdirSync(GOLDENS).filter((name) => !goldens.includes(name))) {
      if (update) rmSync(join(GOLDENS, orphan));
      else throw new Error(`${orphan} has no input; UPDATE_GOLDENS=1 removes it`);
    }
  });

  test.each(names)('%s gives what its golden says', (name) => {
    const golden = join(GOLDENS, name.replace(/\.yaml$/, '.txt'));
    const got = outcome(name);
    if (update) writeFileSync(golden, got);
    expect(got).toBe(readFileSync(golden, 'utf8'));
  });

  test('no secret is ever in a message', () => {
    for (const name of names) expect(outcome(name)).not.toContain('hunter2');
  });

  test('no control character of the file reaches the terminal', () => {
    // oxlint-disable-next-line no-control-regex -- control characters are what it looks for
    for (const name of names) expect(outcome(name)).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
  });
});

describe('a config file', () => {
  const check = (text: string) => {
    const result = parseConfig('x.yaml', Buffer.from(text), { kinds: testKinds });
    return result.ok ? [] : result.problems.map((p) => `${p.line}:${p.column} ${p.what}`);
  };

  test('above the size limit is refused unread', () => {
    expect(check(`#${' '.repeat(MOST_CONFIG_BYTES)}`)).toEqual([
      `1:1 ${MOST_CONFIG_BYTES + 1} bytes, the most is ${MOST_CONFIG_BYTES}`,
    ]);
  });

  test.each([
    ['brackets', `a: ${'['.repeat(100_000)}`],
    ['braces', `a: ${'{a: '.repeat(100_000)}`],
    ['dashes', `${'- '.repeat(100_000)}a`],
    ['indentation', Array.from({ length: 1_000 }, (_, i) => `${' '.repeat(i)}a:`).join('\n')],
    ['question marks', `${'? '.repeat(100_000)}a`],
  ])('nested beyond reason by %s is refused, without a stack overflow', (_, text) => {
    expect(check(text)).toEqual([expect.stringMatching(/is nested more than 50 levels deep/)]);
  });

  test('that is not there, or is a directory, is a problem like any other', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'isthmus-config-'));
    const missing = await loadConfig(join(directory, 'no.yaml'), { kinds: testKinds });
    const isDirectory = await loadConfig(directory, { kinds: testKinds });
    await rm(directory, { recursive: true });
    expect([missing, isDirectory].map((r) => (r.ok ? '' : `${r.problems[0]?.what}; ${r.problems[0]?.remedy}`))).toEqual([
      'cannot be read: there is no such file; check the path given with -c; docs/config.md has a config to start from',
      'cannot be read: it is a directory; name the file in it: -c DIRECTORY/isthmus.yaml',
    ]);
  });

  test('without an end is refused after the limit', async () => {
    const endless = await loadConfig('/dev/zero', { kinds: testKinds });
    expect(endless.ok ? '' : endless.problems[0]?.what).toMatch(/bytes, the most is/);
  });

  test('gives absolute paths that start from its own directory', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'isthmus-config-'));
    await writeFile(join(directory, 'a.yaml'), readFileSync(join(INPUTS, 'full.yaml')));
    const result = await loadConfig(join(directory, 'a.yaml'), { kinds: testKinds });
    await rm(directory, { recursive: true });
    expect(result).toMatchObject({
      ok: true,
      config: {
        baseDir: directory,
        ledger: { file: join(directory, 'state/ledger') },
        outputs: { xds: { tls: { certFile: join(directory, 'certs/tls.crt'), keyFile: '/etc/isthmus/tls.key' } } },
      },
    });
  });
});
