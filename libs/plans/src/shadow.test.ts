import { describe, expect, test } from '@jest/globals';
import type { ViewEndpoint } from '@isthmus/contract';
import fc from 'fast-check';
import { counted, follow, windowOf } from './shadow-window.ts';
import type { ViewHistory } from './shadow-window.ts';
import { compareViews, similarityOf } from './shadow.ts';
import type { ViewDifference } from './shadow.ts';

const endpoint: fc.Arbitrary<ViewEndpoint> = fc.record({
  address: fc.constantFrom('10.0.0.1', '10.0.0.2', '10.0.0.3', 'Orders.Example', 'fd00::7'),
  port: fc.constantFrom(80, 8080),
  weight: fc.constantFrom(0, 0.5, 1, 100),
  healthy: fc.boolean(),
  zone: fc.constantFrom('', 'eu/a', 'eu/b'),
  protocol: fc.constantFrom('', 'http', 'grpc'),
});
const views = fc.array(endpoint, { maxLength: 8 });
const similarity = (a: readonly ViewEndpoint[], b: readonly ViewEndpoint[]): number => {
  const { union, differences } = compareViews(a, b);
  return similarityOf({ union, matched: union - differences.length });
};
const swapped = (difference: ViewDifference): ViewDifference => ({
  at: difference.at,
  kind: difference.kind === 'only-sdk' ? 'only-mesh' : difference.kind === 'only-mesh' ? 'only-sdk' : difference.kind,
  ...(difference.mesh === undefined ? {} : { sdk: difference.mesh }),
  ...(difference.sdk === undefined ? {} : { mesh: difference.sdk }),
});
const at = (address: string, over: Partial<ViewEndpoint> = {}): ViewEndpoint => ({
  address,
  port: 8080,
  weight: 1,
  healthy: true,
  zone: '',
  protocol: '',
  ...over, // prettier-ignore
});

describe('the similarity of two views', () => {
  test('is 1 exactly where nothing differs, and never outside of 0 and 1', () => {
    fc.assert(
      fc.property(views, views, (a, b) => {
        const value = similarity(a, b);
        expect(value >= 0 && value <= 1).toBe(true);
        expect(value === 1).toBe(compareViews(a, b).differences.length === 0);
      }),
    );
  });

  test('is 1 of a view and itself in any order, and with the same instance listed twice', () => {
    fc.assert(
      fc.property(views, fc.nat(), (view, by) => {
        const turned = view.map((_, place) => view[(place + by) % view.length] as ViewEndpoint);
        expect(compareViews(view, [...turned, ...turned]).differences).toEqual([]);
      }),
    );
  });

  test('does not depend on the order of either', () => {
    fc.assert(
      fc.property(views, views, (a, b) => {
        expect(compareViews([...a].reverse(), [...b].reverse())).toEqual(compareViews(a, b));
      }),
    );
  });

  test('is symmetric, and so is what differs', () => {
    fc.assert(
      fc.property(views, views, (a, b) => {
        const [one, other] = [compareViews(a, b), compareViews(b, a)];
        expect(other.union).toBe(one.union);
        expect(other.differences.map(swapped)).toEqual(one.differences);
      }),
    );
  });

  test('is less than 1 when one instance that would be called differs in anything that both know', () => {
    const same = at('10.0.0.2');
    for (const over of [{ weight: 2 }, { healthy: false }, { weight: 0 }, { port: 81 }])
      expect([over, similarity([same, at('10.0.0.1')], [same, at('10.0.0.1', over)]) < 1]).toEqual([over, true]);
    expect(similarity([at('10.0.0.1', { zone: 'eu/a' })], [at('10.0.0.1', { zone: 'eu/b' })])).toBe(0);
    expect(similarity([at('10.0.0.1', { protocol: 'grpc' })], [at('10.0.0.1', { protocol: 'http' })])).toBe(0);
  });

  test('is matched ÷ union', () => {
    expect(similarity([at('10.0.0.1'), at('10.0.0.2')], [at('10.0.0.2'), at('10.0.0.3')])).toBeCloseTo(1 / 3);
    expect(similarity([], [])).toBe(1);
    expect(similarity([], [at('10.0.0.1')])).toBe(0);
  });

  test('does not count what a side does not know, and whom nobody would call', () => {
    expect(similarity([at('10.0.0.1')], [at('10.0.0.1', { zone: 'eu/a', protocol: 'http' })])).toBe(1);
    expect(similarity([at('10.0.0.1')], [at('10.0.0.1'), at('10.0.0.9', { healthy: false })])).toBe(1);
    expect(similarity([at('10.0.0.1'), at('10.0.0.9', { weight: 0 })], [at('10.0.0.1')])).toBe(1);
  });
});

describe('in time', () => {
  const WINDOW = 20_000;
  const one = at('10.0.0.1');
  const two = at('10.0.0.2');
  const fold = (steps: readonly (readonly [number, readonly ViewEndpoint[], readonly ViewEndpoint[]])[]): ViewHistory =>
    steps.reduce<ViewHistory | undefined>((history, [when, sdk, mesh]) => follow(history, compareViews(sdk, mesh), when), undefined) as ViewHistory; // prettier-ignore

  test('a difference counts once it is as old as the window, and is in neither sum before', () => {
    const history = fold([[0, [one, two], [one]], [5_000, [one, two], [one]]]); // prettier-ignore
    expect(counted(history, 19_999, WINDOW)).toMatchObject({ isSample: false, matched: 1, union: 1, differences: [] });
    expect(counted(history, 20_000, WINDOW)).toMatchObject({ isSample: true, matched: 1, union: 2 });
    expect(counted(history, 20_000, WINDOW).differences).toEqual([
      { difference: { at: '10.0.0.2:8080', kind: 'only-sdk', sdk: 'weight 1' }, since: 0 },
    ]);
  });

  test('what flaps within the window never counts, however long it goes on', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: WINDOW - 1 }), { minLength: 1, maxLength: 60 }), (steps) => {
        let history: ViewHistory | undefined;
        let when = 0;
        for (const [turn, ms] of steps.entries()) {
          // One side is late by less than a window each time.
          history = follow(history, compareViews(turn % 2 === 0 ? [one, two] : [one], [one]), when);
          when += ms;
          expect(counted(history, when, WINDOW).differences).toEqual([]);
        }
      }),
    );
  });

  test('what stays counts, whatever flaps beside it and however it differs', () => {
    const history = fold([
      [0, [one, two], [two]],
      [9_000, [one], [two]],
      [15_000, [one, two], [at('10.0.0.1', { weight: 5 }), two]],
    ]);
    const { matched, union, differences } = counted(history, 20_000, WINDOW);
    expect([matched, union]).toEqual([1, 2]);
    expect(differences).toMatchObject([{ difference: { at: '10.0.0.1:8080', kind: 'weight' }, since: 0 }]);
  });

  test('the window is that of the slowest registry that the target is found by', () => {
    expect(windowOf(['nacos/public/G/orders'])).toBe(20_000);
    expect(windowOf(['nacos/public/G/orders', 'eureka///ORDERS'])).toBe(90_000);
    expect(windowOf()).toBe(60_000);
  });
});
