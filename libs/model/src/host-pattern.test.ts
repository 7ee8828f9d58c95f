import { expect, test } from '@jest/globals';
import { hostMatches, hostWithin } from './host-pattern.ts';
import { parseDeclaredHost } from './ids.ts';

test.each([
  ['foo.com', 'foo.com', true],
  ['foo.com', 'bar.com', false],
  ['*.com', 'foo.com', true],
  ['bar.com', '*.com', true],
  ['*.foo.com', 'foo.com', false],
  ['*', 'foo.com', true],
  ['*', '*.com', true],
  ['*.com', '*.foo.com', true],
  ['*.foo.com', '*.com', true],
  ['*.foo.com', '*.bar.com', false],
  ['*-eu.com', 'a-eu.com', true],
  ['*-eu.com', '*.com', true],
  ['*-eu.com', '*a-eu.com', true],
  ['*-eu.com', 'a-us.com', false],
])('%s and %s cover one another: %s', (a, b, expected) => {
  expect(hostMatches(a, b)).toBe(expected);
});

test.each([
  ['foo.com', '*.com', true],
  ['*.com', 'foo.com', false],
  ['*.foo.com', '*.com', true],
  ['*.com', '*.foo.com', false],
  ['*.com', '*.com', true],
  ['foo.com', '*', true],
  ['foo.com', 'foo.com', true],
])('%s is within %s: %s', (part, whole, expected) => {
  expect(hostWithin(part, whole)).toBe(expected);
});

test.each([
  ['orders.example', true],
  ['*.example', true],
  ['*-eu.example', true],
  ['*eu.example', true],
  ['*', false],
  ['*.', false],
  ['*-', false],
  ['*.*.example', false],
  ['a.*.example', false],
  ['**.example', false],
])('%s is what a ServiceEntry may call itself: %s', (host, expected) => {
  expect(parseDeclaredHost(host) !== undefined).toBe(expected);
});
