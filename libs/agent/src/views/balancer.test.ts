import { describe, expect, test } from '@jest/globals';
import type { ViewEndpoint } from '@isthmus/contract';
import fc from 'fast-check';
import { Balancer, algorithmOf } from './balancer.ts';
import type { Algorithm, BalancerOptions } from './balancer.ts';
import { mulberry } from './testing/mulberry.ts';

const at = (address: string, over: Partial<ViewEndpoint> = {}): ViewEndpoint => ({
  address,
  port: 8080,
  weight: 1,
  healthy: true,
  zone: '',
  protocol: '',
  ...over, // prettier-ignore
});
/** A small generator of even numbers in [0, 1): Weyl's, scrambled. */
function evenly(): () => number {
  let count = 0;
  return () => (count += 0.618_033_988_749_895) % 1;
}
let clock = 0;
const balancer = (view: readonly ViewEndpoint[], over: Partial<BalancerOptions> = {}): Balancer => {
  clock = 0;
  const made = new Balancer({ algorithm: 'weighted-random', zone: '', now: () => clock, random: mulberry(), ...over });
  made.update(view);
  return made;
};
const shares = (made: Balancer, picks = 20_000): Readonly<Record<string, number>> => {
  const seen: Record<string, number> = {};
  for (let pick = 0; pick < picks; pick += 1) {
    const host = made.pick()?.host ?? 'nobody';
    seen[host] = (seen[host] ?? 0) + 1 / picks;
  }
  return seen;
};

describe('an instance is picked', () => {
  test('by weight where npm nacos picks so', () => {
    const seen = shares(balancer([at('a', { weight: 3 }), at('b', { weight: 1 })], { random: evenly() }));
    expect(seen['a']).toBeCloseTo(0.75, 2);
    expect(seen['b']).toBeCloseTo(0.25, 2);
  });

  test('in turn where the callers of consul and eureka do so', () => {
    const made = balancer([at('a', { weight: 9 }), at('b'), at('c')], { algorithm: 'round-robin' });
    const six = Array.from({ length: 6 }, () => made.pick()?.host);
    expect(six.slice(0, 3)).toEqual(six.slice(3));
    expect(new Set(six).size).toBe(3);
  });

  test('where nobody else picks, of two the one with fewer calls under way for its weight', () => {
    const made = balancer([at('a'), at('b', { weight: 4 })], { algorithm: 'least-outstanding' });
    const under: Record<string, number> = { a: 0, b: 0 };
    for (let call = 0; call < 1_000; call += 1) {
      const picked = made.pick();
      if (picked === undefined) continue;
      picked.outstanding += 1; // and never ends
      under[picked.host] = (under[picked.host] ?? 0) + 1;
    }
    expect((under['b'] ?? 0) / (under['a'] ?? 1)).toBeGreaterThan(3.5);
    expect((under['b'] ?? 0) / (under['a'] ?? 1)).toBeLessThan(4.5);
  });

  test('never while it is unhealthy or has weight 0, and nobody where nobody is left', () => {
    const arbitrary = fc.array(
      fc.record({ address: fc.constantFrom('a', 'b', 'c', 'd'), weight: fc.constantFrom(0, 0.5, 1), healthy: fc.boolean() }),
      { maxLength: 6 },
    );
    const algorithms = fc.constantFrom<Algorithm>('weighted-random', 'round-robin', 'least-outstanding');
    fc.assert(
      fc.property(arbitrary, algorithms, (view, algorithm) => {
        const endpoints = view.map((one) => at(one.address, one));
        const made = balancer(endpoints, { algorithm });
        const called = new Set(endpoints.filter(({ healthy, weight }) => healthy && weight > 0).map(({ address }) => address));
        for (let pick = 0; pick < 20; pick += 1) {
          const host = made.pick()?.host;
          expect(host === undefined ? called.size === 0 : called.has(host)).toBe(true);
        }
        expect(made.hasAnybody).toBe(called.size > 0);
      }),
    );
  });
});

describe('the own zone', () => {
  const near = (names: string, unhealthy = ''): ViewEndpoint[] =>
    [...names].map((name) => at(name, { zone: 'eu/a', healthy: !unhealthy.includes(name) }));
  const far = [at('x', { zone: 'eu/b' }), at('y', { zone: 'us/a' })];

  test('has all calls while enough of it is well', () => {
    const seen = shares(balancer([...near('abcdefg', 'ab'), ...far], { zone: 'eu/a' }));
    expect([seen['x'], seen['y']]).toEqual([undefined, undefined]);
  });

  test('has as many as its instances that are well can bear, the rest spills over', () => {
    const seen = shares(balancer([...near('abcd', 'abc'), ...far], { zone: 'eu/a', random: mulberry() }));
    expect(seen['d']).toBeGreaterThan(0.33);
    expect(seen['d']).toBeLessThan(0.37); // 1.4 × 1/4
  });

  test('is nothing special where nobody is there, or where it is not known', () => {
    expect(shares(balancer(far, { zone: 'ap/a' }))['x']).toBeGreaterThan(0.45);
    expect(shares(balancer([...near('a'), ...far]))['x']).toBeGreaterThan(0.3);
    expect(shares(balancer([...near('a'), ...far], { zone: 'eu' }))['y']).toBeUndefined();
  });
});

describe('an instance that cannot be reached', () => {
  test('is left alone for ten seconds after a refusal, and after three other failures in a row', () => {
    const made = balancer([at('a'), at('b'), at('c')], { algorithm: 'round-robin' });
    const a = [made.pick(), made.pick(), made.pick()].find((one) => one?.host === 'a');
    if (a === undefined) throw new Error('a was not picked');
    made.failed(a, 'dead');
    expect(shares(made, 30)['a']).toBeUndefined();
    clock = 10_000;
    expect(shares(made, 30)['a']).toBeCloseTo(1 / 3);
    made.failed(a, 'bad');
    made.failed(a, 'bad');
    expect(shares(made, 30)['a']).toBeCloseTo(1 / 3);
    made.failed(a, 'bad');
    expect(shares(made, 30)['a']).toBeUndefined();
  });

  test('is picked all the same when more than half of all are so: then it is rather the network', () => {
    const made = balancer([at('a'), at('b'), at('c')], { algorithm: 'round-robin' });
    const seen = new Map(Array.from({ length: 3 }, () => made.pick()).map((one) => [one?.host, one]));
    for (const one of seen.values()) if (one !== undefined) made.failed(one, 'dead');
    expect(Object.keys(shares(made, 30))).toHaveLength(3);
  });

  test('keeps its calls under way over a change of the view', () => {
    const made = balancer([at('a')]);
    const before = made.pick();
    if (before !== undefined) before.outstanding = 5;
    made.update([at('a', { weight: 2 }), at('b')]);
    expect(before).toMatchObject({ outstanding: 5, weight: 2 });
  });
});

test('the algorithm is that of the SDK that picked before', () => {
  expect(algorithmOf(['nacos/public/G/orders'])).toBe('weighted-random');
  expect(algorithmOf(['consul/dc1//orders'])).toBe('round-robin');
  expect(algorithmOf(['file///orders', 'eureka///ORDERS'])).toBe('round-robin');
  expect(algorithmOf()).toBe('least-outstanding');
});
