import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { providersOf, readProvider } from './normalize-providers.ts';
import { testScope } from './testing/open-source.ts';
import { providerUrl } from './testing/registrations.ts';

test('the order in which ZooKeeper lists providers and configurators does not show, not even of two at one address', () => {
  const provider = fc
    .tuple(fc.integer({ min: 1, max: 3 }), fc.constantFrom('1', '2'), fc.constantFrom('50', '100', 'x'))
    .map(([host, version, weight]) => providerUrl(`10.0.0.${host}:20880`, 'a.B', { version, weight }));
  const override = fc
    .integer({ min: 0, max: 300 })
    .map((weight) => encodeURIComponent(`override://0.0.0.0/a.B?weight=${weight}&version=1`));
  const read = (texts: readonly string[], overrides: readonly string[]) =>
    JSON.stringify(
      [
        ...providersOf(
          testScope,
          'a.B',
          texts.map((text) => readProvider(testScope, 'a.B', text)),
          overrides,
        ).services,
      ].sort(([a], [b]) => (a < b ? -1 : 1)),
    );
  const shuffled = <T>(list: readonly T[]) =>
    fc.tuple(fc.constant(list), fc.shuffledSubarray([...list], { minLength: list.length }));
  fc.assert(
    fc.property(
      fc.uniqueArray(provider, { maxLength: 8 }).chain(shuffled),
      fc.uniqueArray(override, { maxLength: 3 }).chain(shuffled),
      ([a, b], [c, d]) => {
        expect(read(b, d)).toBe(read(a, c));
      },
    ),
  );
});
