import { expect, test } from '@jest/globals';
import { parseEjection } from './ejection.ts';

test.each([
  ['{failurePercentage: 50}', { failurePercentage: 50, requests: 50, minimumHosts: 1, maxEjectionTime: undefined }],
  ['{failurePercentage: 1, requests: 0, minimumHosts: 3, maxEjectionTime: 90s}', { failurePercentage: 1, requests: 0, minimumHosts: 3, maxEjectionTime: 90_000 }],
])('%s asks for ejection by a share of errors', (text, rule) => expect(parseEjection(text)).toEqual(rule)); // prettier-ignore

test.each([
  ['50', 'no map'],
  ['{failurePercentage: 50', 'no YAML'],
  ['{}', 'failurePercentage is no'],
  ['{failurePercentage: 0}', 'failurePercentage is no'],
  ['{failurePercentage: 101}', 'failurePercentage is no'],
  ['{failurePercentage: 5, requests: -1}', 'requests is no'],
  ['{failurePercentage: 5, minimumHosts: 0}', 'minimumHosts is no'],
  ['{failurePercentage: 5, maxEjectionTime: soon}', 'maxEjectionTime is no'],
  ['{failurePercent: 5}', '"failurePercent" is none of'],
  [`{failurePercentage: 5}${' '.repeat(2_000)}`, 'more than 2000 characters'],
])('%s is refused with its reason', (text, problem) => {
  expect(parseEjection(text)).toEqual({ problem: expect.stringContaining(problem) });
});
