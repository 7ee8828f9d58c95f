import { describe, expect, test } from '@jest/globals';
import { resultsText, sectionText } from './report.ts';

describe('the report of the bench', () => {
  const section = (name: string, measured: number) =>
    sectionText({
      name,
      title: `Title of ${name}`,
      date: '2026-01-01',
      loadBefore: '0.1',
      loadAfter: '0.2',
      machine: ['CPU: 2'],
      result: { about: 'About.', tables: [], targets: [{ what: 'p50', unit: 'ms', atMost: 3, measured, because: 'of this' }] },
    });

  test('a missed target is said with by how much and why, a met one is just met', () => {
    expect(section('latency', 4.5)).toContain('| p50 | ≤ 3 ms | 4.50 ms | **no**, 1.50 ms (50 %) too much: of this |');
    expect(section('latency', 3)).toContain('| p50 | ≤ 3 ms | 3.00 ms | yes |');
    expect(section('latency', Number.NaN)).toContain('**no**, not measured');
  });

  test('a scenario run alone replaces its own section and leaves the others as they were', () => {
    const order = ['latency', 'scaling'];
    const first = resultsText(
      '',
      new Map([
        ['latency', section('latency', 1)],
        ['scaling', section('scaling', 1)],
      ]),
      order,
    );
    const second = resultsText(first, new Map([['latency', section('latency', 2)]]), order);
    expect(second).toContain('2.00 ms');
    expect(second).toContain('Title of scaling');
    expect(second.match(/## /g)).toHaveLength(2);
    expect(resultsText(second, new Map(), order)).toBe(second);
  });
});
