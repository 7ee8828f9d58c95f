import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { viewHash, viewHashAfter } from './view-hash.ts';
import type { HashedEndpoint } from './view-hash.ts';

const endpoints: fc.Arbitrary<HashedEndpoint> = fc.record({
  address: fc.ipV4(),
  port: fc.integer({ min: 1, max: 65_535 }),
  weight: fc.constantFrom(0, 0.5, 1, 2, 100),
  healthy: fc.boolean(),
  zone: fc.constantFrom('', 'eu/a', 'eu/b'),
  protocol: fc.constantFrom('', 'http', 'grpc'),
});
const ada: HashedEndpoint = { address: '10.0.0.7', port: 8080, weight: 1, healthy: true, zone: 'eu/a', protocol: 'http' };

describe('the hash of a view', () => {
  test('does not depend on the order of the endpoints', () => {
    fc.assert(
      fc.property(fc.array(endpoints), fc.nat(), (view, by) => {
        const turned = view.map((_, at) => view[(at + by) % view.length] as HashedEndpoint);
        expect(viewHash(turned)).toBe(viewHash(view));
        expect(viewHash([...view].reverse())).toBe(viewHash(view));
      }),
    );
  });

  test('is another when anything of one endpoint is', () => {
    const others: HashedEndpoint[] = [
      { ...ada, address: '10.0.0.8' },
      { ...ada, port: 8081 },
      { ...ada, weight: 0.5 },
      { ...ada, healthy: false },
      { ...ada, zone: '' },
      { ...ada, protocol: 'grpc' },
    ];
    const hashes = [[], [ada], [ada, ada], ...others.map((other) => [other])].map(viewHash);
    expect(new Set(hashes).size).toBe(hashes.length);
  });

  test('does not swap what belongs to two endpoints', () => {
    const bob = { ...ada, address: '10.0.0.8', weight: 5 };
    expect(viewHash([ada, bob])).not.toBe(viewHash([{ ...ada, weight: 5 }, { ...bob, weight: 1 }])); // prettier-ignore
  });

  test('after news is what it would be in full, and the same string where there is nothing new', () => {
    fc.assert(
      fc.property(fc.array(endpoints), fc.array(endpoints), fc.nat(), (before, others, at) => {
        const hash = viewHash(before);
        expect(viewHashAfter(hash, before, others)).toBe(viewHash(others));
        const after = before.map((endpoint, n) => others[(n + at) % 7] ?? { ...endpoint });
        expect(viewHashAfter(hash, before, after)).toBe(viewHash(after));
        expect(viewHashAfter(hash, before, structuredClone(before))).toBe(hash);
      }),
    );
  });

  test('is the one of every version: a report of an older agent names the same view', () => {
    expect(viewHash([])).toBe('0000000000000000-0');
    expect(viewHash([ada, { ...ada, address: 'Orders.Example', weight: 0.5 }])).toBe('149b2a517fd33e47-2');
  });
});
