import { describe, expect, test } from '@jest/globals';
import { formatDuration, parseDuration } from './duration.ts';

describe('durations', () => {
  test.each([
    ['250ms', 250],
    ['30s', 30_000],
    ['1.5m', 90_000],
    ['2h', 7_200_000],
    ['1d', 86_400_000],
    ['0s', 0],
  ])('%s is %d ms', (text, ms) => {
    expect(parseDuration(text)).toBe(ms);
  });

  test.each(['30', 's', '-1s', '1 s', '1e3s', '30S', '', '1h30m'])('"%s" is no duration', (text) => {
    expect(parseDuration(text)).toBeUndefined();
  });

  test.each([
    [-5, '0 ms'],
    [12.4, '12 ms'],
    [1_234, '1.2 s'],
    [5_000, '5 s'],
    [9_960, '10 s'],
    [119_000, '119 s'],
    [240_000, '4 min'],
    [7_500_000, '2 h 5 min'],
    [3_600_000, '1 h'],
    [86_400_000 * 3 + 3_600_000 * 4, '3 d 4 h'],
  ])('%d ms reads "%s"', (ms, text) => {
    expect(formatDuration(ms)).toBe(text);
  });
});
