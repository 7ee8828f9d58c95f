import { readFileSync, readdirSync } from 'node:fs';
import { join, relative } from 'node:path';

export const ROOT = join(import.meta.dirname, '../..');

export interface Page {
  /** From the project's root: `docs/lab.md`. */
  readonly file: string;
  readonly text: string;
}

export interface Block {
  readonly file: string;
  /** Of its first line; 1 is the page's first. */
  readonly line: number;
  /** `yaml`, `sh`, …; empty without one. */
  readonly language: string;
  readonly text: string;
}

/** Every page that people read, sorted. */
export function pages(): readonly Page[] {
  const below = readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`);
  const others = ['README.md', 'CONTRIBUTING.md', 'examples/secrets/README.md', 'libs/proto/README.md', 'test/servers/README.md'];
  return [...others, ...below].sort().map((file) => ({ file, text: readFileSync(join(ROOT, file), 'utf8') }));
}

/** The fenced blocks of a page. */
export function blocks({ file, text }: Page): readonly Block[] {
  return [...text.matchAll(/^( *)```(\w*)\n(.*?)^\1```$/gms)].map((match) => ({
    file,
    line: text.slice(0, match.index).split('\n').length + 1,
    language: match[2] ?? '',
    text: (match[3] ?? '').replaceAll(new RegExp(`^${match[1]}`, 'gm'), ''),
  }));
}

/** Links to files of the project: page, target from the root, and the heading after `#`. */
export function links({ file, text }: Page): readonly { readonly to: string; readonly anchor: string }[] {
  const prose = text.replaceAll(/^( *)```.*?^\1```$/gms, '').replaceAll(/`[^`\n]*`/g, '');
  return [...prose.matchAll(/\]\(([^)\s]+)\)/g)].flatMap(([, target = '']) => {
    if (/^\w+:/.test(target)) return [];
    const [path = '', anchor = ''] = target.split('#');
    return [{ to: path === '' ? file : relative(ROOT, join(ROOT, file, '..', path)), anchor }];
  });
}

/** What GitHub makes of a heading. */
export function anchors(text: string): ReadonlySet<string> {
  const headings = [...text.matchAll(/^#{1,6} (.+)$/gm)].map((match) => match[1] ?? '');
  return new Set(
    headings.map((heading) =>
      heading
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  );
}

/** The lines of a block that are commands, continued lines joined; without `$ ` and comments. */
export function commands({ language, text }: Block): readonly string[] {
  const lines = text.replaceAll(/\\\n\s*/g, '').split('\n');
  const typed = language === 'console' ? lines.filter((line) => line.startsWith('$ ')).map((line) => line.slice(2)) : lines;
  return typed.map((line) => line.replace(/(^|\s)#\s.*$/, '').trim()).filter((line) => line !== '');
}
