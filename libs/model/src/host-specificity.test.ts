import { expect, test } from '@jest/globals';
import { compareSpecificity, hostsInCommon, mostSpecificHost } from './host-specificity.ts';

test('of two lists of hosts the narrower names are common', () => {
  expect(hostsInCommon(['foo.com', '*.net'], ['*.com', 'bar.net'])).toEqual(['foo.com', 'bar.net']);
  expect(hostsInCommon(['foo.com', '*.net'], ['*.bar.net'])).toEqual(['*.bar.net']);
  expect(hostsInCommon(['foo.com'], ['bar.com'])).toEqual([]);
});

test('names come before wildcards, longer ones before shorter ones', () => {
  const hosts = ['*', '*.foo.com', 'b.foo.com', '*.com', 'a.foo.com'];
  expect(hosts.toSorted(compareSpecificity)).toEqual(['a.foo.com', 'b.foo.com', '*.foo.com', '*.com', '*']);
});

test('a host is looked up by its name, then by the longest wildcard', () => {
  const exact = new Map([['a.foo.com', 1]]);
  const wildcards = new Map([
    ['*', 2],
    ['*.foo.com', 3],
  ]);
  expect(mostSpecificHost('a.foo.com', exact, wildcards)).toEqual(['a.foo.com', 1]);
  expect(mostSpecificHost('b.foo.com', exact, wildcards)).toEqual(['*.foo.com', 3]);
  expect(mostSpecificHost('*.bar.foo.com', exact, wildcards)).toEqual(['*.foo.com', 3]);
  expect(mostSpecificHost('foo.com', exact, new Map())).toBeUndefined();
});
