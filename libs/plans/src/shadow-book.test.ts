import { beforeEach, describe, expect, test } from '@jest/globals';
import type { ViewEndpoint } from '@isthmus/contract';
import { viewHash } from '@isthmus/ladder';
import { ShadowBook } from './shadow-book.ts';
import { explainDifference } from './shadow-explain.ts';
import type { DivergenceCode, PlaceKnowledge } from './shadow-explain.ts';
import type { ViewDifference } from './shadow.ts';

const target = { host: 'orders.mesh', port: 80 };
const WINDOW = 20_000;
const at = (address: string, weight = 1): ViewEndpoint => ({ address, port: 8080, weight, healthy: true, zone: '', protocol: '' }); // prettier-ignore
let now = 0;
let book: ShadowBook;
beforeEach(() => {
  now = 0;
  book = new ShadowBook(() => now);
});
const report = (instance: string, view: readonly ViewEndpoint[], inFull = false, service = 'web', bugs?: string[]) =>
  book.report({
    service,
    instance,
    target,
    windowMs: WINDOW,
    view: { hash: viewHash(view), count: view.length, since: 0, ...(inFull ? { endpoints: view } : {}), ...(bugs && { bugs }) },
  });

describe('views of many processes', () => {
  test('are asked for once each, however many processes have them', () => {
    book.mesh(target, [at('10.0.0.1')]);
    expect(report('a', [at('10.0.0.1')]).ask).toBe(true);
    expect(report('a', [at('10.0.0.1')], true).ask).toBe(false);
    expect(report('b', [at('10.0.0.1')]).ask).toBe(false);
    expect(report('c', [at('10.0.0.2')]).ask).toBe(true);
  });

  test('are samples once they were followed for a window, and each report is one', () => {
    book.mesh(target, [at('10.0.0.1'), at('10.0.0.2')]);
    report('a', [at('10.0.0.1')], true);
    expect(book.totalsOf(target, ['web']).comparisons).toBe(0);
    now = WINDOW;
    report('a', [at('10.0.0.1')]);
    report('a', [at('10.0.0.1')]);
    expect(book.totalsOf(target, ['web'])).toEqual({ comparisons: 2, matched: 2, union: 4 });
    expect(book.totalsOf(target, ['*'])).toEqual(book.totalsOf(target, ['web', 'web']));
    expect(book.totalsOf(target, ['reports'])).toEqual({ comparisons: 0, matched: 0, union: 0 });
  });

  test('are equal again as soon as the mesh has followed, and what lagged for less than the window never counted', () => {
    book.mesh(target, [at('10.0.0.1')]);
    report('a', [at('10.0.0.1')], true);
    now = 25_000;
    report('a', [at('10.0.0.1'), at('10.0.0.2')], true);
    now = 40_000;
    book.mesh(target, [at('10.0.0.1'), at('10.0.0.2')]);
    now = 60_000;
    report('a', [at('10.0.0.1'), at('10.0.0.2')]);
    expect(book.totalsOf(target, ['web'])).toEqual({ comparisons: 2, matched: 3, union: 3 });
    expect(book.standing(target).divergences).toEqual([]);
  });

  test('show who differs in what, since when, and with which bugs of its client', () => {
    book.mesh(target, [at('10.0.0.1')]);
    report('a', [at('10.0.0.1'), at('10.0.0.9')], true, 'web', ['ignores-empty']);
    report('b', [at('10.0.0.1'), at('10.0.0.9')]);
    report('c', [at('10.0.0.1')], true);
    now = 30_000;
    expect(book.standing(target)).toEqual({
      processes: 3,
      services: ['web'],
      windowMs: WINDOW,
      similarity: { comparisons: 3, matched: 3, union: 5 },
      divergences: [
        {
          difference: { at: '10.0.0.9:8080', kind: 'only-sdk', sdk: 'weight 1' },
          since: 0,
          counts: true,
          seenBy: ['web/a', 'web/b'],
          processes: 2,
          bugs: ['ignores-empty'],
        },
      ],
    });
    book.gone('web', 'a');
    book.gone('web', 'b');
    expect(book.standing(target)).toMatchObject({ processes: 1, divergences: [] });
  });

  test('tell what left the mesh from what never was there', () => {
    book.mesh(target, [at('10.0.0.1'), at('10.0.0.2')]);
    now = 1_000;
    book.mesh(target, [at('10.0.0.1')]);
    expect([book.leftMeshAt(target, '10.0.0.2:8080'), book.leftMeshAt(target, '10.0.0.3:8080')]).toEqual([1_000, undefined]);
    book.mesh(target, [at('10.0.0.1'), at('10.0.0.2')]);
    expect(book.leftMeshAt(target, '10.0.0.2:8080')).toBeUndefined();
  });

  test('whose hash is not that of the endpoints sent are not believed', () => {
    book.mesh(target, [at('10.0.0.1')]);
    const view = { hash: viewHash([at('10.0.0.1')]), count: 1, since: 0, endpoints: [at('10.6.6.6')] };
    expect(book.report({ service: 'web', instance: 'a', target, windowMs: WINDOW, view }).ask).toBe(true);
    expect(book.standing(target).processes).toBe(0);
  });

  test('of one target are at most 64; further ones are not asked for, and those of processes that are gone make room', () => {
    book.mesh(target, [at('10.0.0.1')]);
    for (let n = 0; n < 64; n += 1) report(`p${n}`, [at('10.0.0.1', n + 1)], true);
    expect(report('late', [at('10.0.0.3')]).ask).toBe(false);
    book.gone('web', 'p7');
    report('late', [at('10.0.0.3')], true);
    expect(book.standing(target).processes).toBe(64);
  });
});

describe('a difference is explained', () => {
  const unknown: PlaceKnowledge = { listedBy: [] };
  const listed: PlaceKnowledge = { listedBy: ['shop/public/G/orders'] };
  const onlySdk: ViewDifference = { at: '10.0.0.9:8080', kind: 'only-sdk', sdk: 'weight 1' };
  const onlyMesh: ViewDifference = { at: '10.0.0.9:8080', kind: 'only-mesh', mesh: 'weight 1' };
  const weight: ViewDifference = { at: '10.0.0.9:8080', kind: 'weight', sdk: '1', mesh: '5' };
  const health: ViewDifference = { at: '10.0.0.9:8080', kind: 'health', sdk: 'healthy', mesh: 'unhealthy' };
  const rows: readonly (readonly [string, ViewDifference, PlaceKnowledge, DivergenceCode, string[]?])[] = [
    ['a dead Pod that the registry lists', onlySdk, { ...listed, leftOut: { why: 'stale-in-registry', reason: 'Pod shop/orders-1 is gone' } }, 'stale-in-registry'],
    ['a check of ours that fails', health, { ...listed, leftOut: { why: 'failed-check', reason: 'refused' } }, 'failed-check'],
    ['a service that the config leaves out', onlySdk, { ...listed, leftOut: { why: 'filtered', reason: 'merge.exclude[0]' } }, 'filtered'],
    ['an older view of a registration', onlySdk, { ...listed, leftOut: { why: 'old-registration', reason: 'over' } }, 'old-registration'],
    ['a registry that is not followed', onlyMesh, { ...listed, notFollowed: 'shop: refused' }, 'registry-not-followed'],
    ['a removal that waits', onlyMesh, { ...unknown, retained: { why: 'mass', forMs: 1 } }, 'held'],
    ['called unhealthy with many others', onlyMesh, { ...unknown, retained: { why: 'mass', listed: true, forMs: 1 } }, 'held'],
    ['a Ready Pod before its registration', onlyMesh, { ...unknown, admitted: true }, 'admitted'],
    ['another registry under the same host', onlyMesh, { ...listed, foreign: true }, 'other-origin'],
    ['a rule that changes weights', weight, { ...listed, changed: { rule: 'merge.weights[0]', registry: { weight: '1' } } }, 'changed-by-config'],
    ['an instance the bridge never heard of', onlySdk, unknown, 'not-yet-in-mesh'],
    ['an instance that the registry dropped', onlySdk, { ...unknown, leftMeshAt: 5 }, 'sdk-behind'],
    ['the same, by a client that is known for it', onlySdk, { ...unknown, leftMeshAt: 5 }, 'client-bug', ['ignores-empty']],
    ['a disabled instance that the SDK still calls', onlySdk, { ...listed, leftOut: { why: 'disabled', reason: 'disabled at the registry' } }, 'disabled'],
    ['weight 0 at the registry', onlySdk, { ...listed, leftOut: { why: 'disabled', reason: 'weight 0' } }, 'disabled'],
    ['unhealthy at the registry', health, { ...listed, leftOut: { why: 'unhealthy', reason: 'unhealthy at the registry' }, registry: { health: 'unhealthy' } }, 'unhealthy'],
    ['an instance that the SDK has not got', onlyMesh, listed, 'sdk-behind'],
    ['an old weight in the SDK', weight, { ...listed, registry: { weight: '5' } }, 'sdk-behind'],
    ['what nobody can tell', weight, { ...listed, registry: { weight: '1' } }, 'unexplained'],
  ]; // prettier-ignore

  for (const [what, difference, known, code, bugs] of rows)
    test(`by ${what}`, () => {
      const explained = explainDifference(difference, known, bugs);
      expect([explained.at, explained.code]).toEqual([difference.at, code]);
      expect(explained.explanation.length).toBeGreaterThan(10);
    });
});
