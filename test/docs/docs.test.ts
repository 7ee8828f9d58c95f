import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { formatProblems, parseConfig } from '@isthmus/config';
import { registryKinds } from '../../apps/bridge/src/registries.ts';
import { ROOT, anchors, blocks, commands, links, pages } from './pages.ts';

const all = pages();
const allBlocks = all.flatMap(blocks);
const read = (file: string): string => readFileSync(join(ROOT, file), 'utf8');

/** Every problem of a config, or nothing. */
function problemsOf(text: string): string {
  const result = parseConfig('docs.yaml', Buffer.from(text), { kinds: registryKinds });
  return result.ok ? '' : formatProblems(result.problems);
}

describe('every page', () => {
  test('links only to what exists, headings included', () => {
    const broken = all.flatMap((page) =>
      links(page)
        .filter(({ to, anchor }) => !existsSync(join(ROOT, to)) || (anchor !== '' && !anchors(read(to)).has(anchor)))
        .map(({ to, anchor }) => `${page.file}: ${to}${anchor === '' ? '' : `#${anchor}`}`),
    );
    expect(broken).toEqual([]);
    expect(all.flatMap(links).length).toBeGreaterThan(30);
  });

  test('of docs is found from the README', () => {
    const found = new Set<string>();
    const follow = (file: string): void => {
      const page = all.find((candidate) => candidate.file === file);
      if (page === undefined || found.has(file)) return;
      found.add(file);
      for (const { to } of links(page)) follow(to);
    };
    follow('README.md');
    const lost = all.map(({ file }) => file).filter((file) => file.startsWith('docs/') && !found.has(file));
    expect(lost).toEqual([]);
  });

  test('shows only configs that are valid', () => {
    const whole = allBlocks.filter(({ language, text }) => language === 'yaml' && /^version: 1$/m.test(text));
    expect(whole.length).toBeGreaterThan(8);
    const wrong = whole
      .map(({ file, line, text }) => `${file}:${line} ${problemsOf(text)}`)
      .filter((said) => !said.endsWith(' '));
    expect(wrong).toEqual([]);
  });

  test('of a registry begins with an entry that is valid', () => {
    for (const { kind } of registryKinds) {
      const entry = allBlocks.find(({ file, language }) => file === `docs/registries/${kind}.md` && language === 'yaml');
      expect(entry?.text).toContain(`kind: ${kind}`);
      expect(problemsOf(`version: 1\nmeshId: a\n${entry?.text}`)).toBe('');
    }
  });

  test('names only commands and options of `isthmus` that exist', () => {
    const help = read('docs/cli.md');
    const sections = new Map(
      [...help.matchAll(/^### `isthmus(?: ([^`]+))?`\n+```text\n(.*?)^```$/gms)].map((match) => [match[1] ?? '', match[2] ?? '']),
    );
    const wrong: string[] = [];
    let seen = 0;
    for (const block of allBlocks.filter(({ language }) => language === 'sh' || language === 'console')) {
      for (const line of commands(block)) {
        const words = /(?:^|&& )(?:npx )?isthmus ([^|>&]*)/.exec(line)?.[1]?.trim().split(/\s+/);
        if (words === undefined) continue;
        seen += 1;
        const section = sections.get(words.slice(0, 2).join(' ')) ?? sections.get(words[0] ?? '');
        const options = words.filter((word) => /^--?[a-z]/.test(word));
        const unknown = options.filter((option) => !new RegExp(`(^|[ ,])${option}[ ,]`, 'm').test(section ?? ''));
        if (section === undefined || (unknown.length > 0 && words[0] !== 'lab'))
          wrong.push(`${block.file}:${block.line} ${line}`);
      }
    }
    expect(wrong).toEqual([]);
    expect(seen).toBeGreaterThan(10);
  });
});

test('the example config is valid, and so is each line of it that is commented out', () => {
  const text = read('examples/isthmus.yaml');
  expect(problemsOf(text)).toBe('');
  const uncommented = text.replaceAll(/^( +)# (auth|datacenters):/gm, '$1$2:');
  expect(uncommented).not.toBe(text);
  expect(problemsOf(uncommented)).toBe('');
});

test('the index of decisions lists every one', () => {
  const index = all.find(({ file }) => file === 'docs/adr/README.md');
  const listed = index === undefined ? [] : links(index).map(({ to }) => to);
  const there = readdirSync(join(ROOT, 'docs/adr')).filter((name) => /^\d{4}-/.test(name));
  expect(there.map((name) => `docs/adr/${name}`).filter((file) => !listed.includes(file))).toEqual([]);
  expect(new Set(there.map((name) => name.slice(0, 4))).size).toBe(there.length);
});
