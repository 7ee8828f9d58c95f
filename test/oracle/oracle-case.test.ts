import { expect, test } from '@jest/globals';
import { missedShows } from './check-shows.ts';
import { contains } from './contains.ts';
import { differences, isAtOrIn, placeOf } from './differences.ts';
import { parseCase, readCases } from './oracle-case.ts';
import { noResources } from './resource-set.ts';

test('every case of the corpus has a comment, a header that is right, and a part that istiod has to show', () => {
  const cases = readCases();
  expect(cases.length).toBeGreaterThanOrEqual(150);
  expect(cases.filter(({ shows }) => Object.values(shows).flat().length === 0)).toEqual([]);
});

test('a header that is wrong is told with the name of its case', () => {
  expect(() => parseCase('a/b', 'shows: {}\n---\n')).toThrow('a/b: begins with a comment');
  expect(() => parseCase('a/b', '# What it shows.\nshow: {}\n---\n')).toThrow(/a\/b: .*show/s);
});

test('a part occurs as a key, a value, in an object that has more, in a list in any order', () => {
  const whole = { '80': { routes: [{ name: 'a', weight: 1 }, { name: 'b' }] } };
  for (const part of ['80', 'a', { name: 'b' }, [{ name: 'b' }, { weight: 1 }], { routes: [{ name: 'a' }] }])
    expect(contains(whole, part)).toBe(true);
  for (const part of ['c', { name: 'a', weight: 2 }, [{ name: 'b', weight: 1 }], { weight: '1' }])
    expect(contains(whole, part)).toBe(false);
});

test('a case that istiod does not answer as it says shows nothing', () => {
  const header = '# It.\nshows: { routes: [/cart] }\nlacks: { clusters: [gone] }\n---\n';
  const answer = { ...noResources, clusters: { gone: {} } };
  expect(missedShows(parseCase('a/b', header), answer)).toEqual(['routes lack "/cart"', 'clusters have "gone"']);
});

test('differences are told where they are, elements by their names where they have some', () => {
  const set = (routes: readonly { name: string; timeout: string }[], domains: readonly string[]) => ({
    ...noResources,
    routes: { '80': { routes, domains } },
  });
  const [a, b] = [
    { name: 'a', timeout: '1s' },
    { name: 'b', timeout: '1s' },
  ];
  const found = differences(set([a, b], ['x', 'y']), set([{ ...b, timeout: '2s' }, a], ['x', 'z']));
  expect(found.map((each) => [placeOf(each), each.istiod, each.ours])).toEqual([
    ['routes 80/domains[]', 'y', undefined],
    ['routes 80/domains[]', undefined, 'z'],
    ['routes 80/routes[b]/timeout', '1s', '2s'],
  ]);
  expect(differences(set([a, b], []), set([b, a], [])).map(placeOf)).toEqual(['routes 80/routes (order)']);
});

test('a place covers what is in it, and nothing that only begins like it', () => {
  const at = (path: string) => ({ kind: 'routes', path, istiod: 1, ours: 2 }) as const;
  expect(isAtOrIn(at('80/domains[]'), 'routes 80')).toBe(true);
  expect(isAtOrIn(at('80'), 'routes 80')).toBe(true);
  expect(isAtOrIn(at('8080/name'), 'routes 80')).toBe(false);
});
