import { expect, test } from '@jest/globals';
import { describeSources } from './bridge-sources.ts';

test('a registry that was lost is shown with its age and what is kept of it', () => {
  const answer = {
    items: [
      { source: 'old', state: 'live', endpoints: 2 },
      { source: 'shop', state: 'stale', since: 1_000, endpoints: 4 },
    ],
  };
  expect(describeSources(answer, 13_000)).toEqual([
    { name: 'old', state: 'live (2 endpoints)' },
    { name: 'shop', state: 'stale for 12 s (4 endpoints)' },
  ]);
});

test('an answer without items shows nothing', () => {
  expect(describeSources({}, 0)).toEqual([]);
});
