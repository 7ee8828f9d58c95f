import { createHash } from 'node:crypto';
import { Script } from 'node:vm';
import { describe, expect, test } from '@jest/globals';
import { PAGE_CSP, STATUS_PAGE } from './status-page.ts';

const inside = (tag: string): string => new RegExp(`<${tag}>(.*)</${tag}>`, 's').exec(STATUS_PAGE)?.[1] ?? '';
const hash = (text: string): string => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;

describe('the status page', () => {
  test('has a policy that lets its own script and style run, and no others', () => {
    expect(PAGE_CSP).toContain("default-src 'none'");
    expect(PAGE_CSP).toContain(`script-src ${hash(inside('script'))};`);
    expect(PAGE_CSP).toContain(`style-src ${hash(inside('style'))};`);
    expect(PAGE_CSP).not.toContain('unsafe');
  });

  test('has a script that compiles, never writes markup, and finds every element that it fills', () => {
    const script = inside('script');
    expect(() => new Script(script)).not.toThrow();
    expect(script).not.toMatch(/innerHTML|insertAdjacentHTML|document\.write|eval\(/);
    const filled = [...script.matchAll(/(?:byId|table)\('(\w+)'/g)].map((match) => match[1] ?? '');
    expect(filled.length).toBeGreaterThan(5);
    for (const id of filled) expect(STATUS_PAGE).toContain(`id="${id}"`);
  });

  test('labels every cell, because on a phone a row is a list and its head is not shown', () => {
    expect(inside('script')).toContain('td.dataset.label = head[n]');
    expect(inside('style')).toMatch(/@media \(max-width: 40rem\) \{ thead \{ display: none; \}.*content: attr\(data-label\)/);
  });

  test('has no style attribute, which its policy would refuse', () => {
    expect(STATUS_PAGE).not.toMatch(/\sstyle=/);
  });
});
