import { describe, expect, test } from '@jest/globals';
import { figure, largest, median, percentile } from './statistics.ts';

describe('the statistics of the bench', () => {
  const hundred = Array.from({ length: 100 }, (_, n) => 100 - n);

  test('a percentile is a value that was measured, by nearest rank, whatever the order', () => {
    expect(percentile(hundred, 0.5)).toBe(50);
    expect(percentile(hundred, 0.99)).toBe(99);
    expect(percentile(hundred, 1)).toBe(100);
    expect(percentile([3, 1], 0.5)).toBe(1);
    expect(percentile([3, 1], 0.51)).toBe(3);
    expect(hundred[0]).toBe(100);
  });

  test('numbers are ordered as numbers', () => {
    expect(median([10, 9, 100, 1, 2])).toBe(9);
    expect(largest([9, 10, 2])).toBe(10);
  });

  test('nothing measured is no figure, so it meets no target', () => {
    for (const value of [percentile([], 0.99), median([]), largest([])]) {
      expect(value).toBeNaN();
      expect(value <= 1_000_000).toBe(false);
      expect(figure(value, 'ms')).toBe('—');
    }
  });

  test('figures have as many digits as they deserve', () => {
    expect(figure(0.123456, 'ms')).toBe('0.12 ms');
    expect(figure(12.3456)).toBe('12.3');
    expect(figure(1_234.5)).toBe('1235');
  });
});
