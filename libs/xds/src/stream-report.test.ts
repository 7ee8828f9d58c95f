import { expect, test } from '@jest/globals';
import { joinedConfig } from './stream-report.ts';
import { CDS, LDS } from './type-urls.ts';

const sent = (name: string, version: string) => ({ name, version, pending: false, retiring: false, rejected: false });

test('what a node was sent is what all of its streams were, the newest where they differ', () => {
  const one = { node: 'web', types: [{ type: LDS, version: '1', resources: [sent('orders:80', 'a'), sent('users:80', 'b')] }] };
  const two = {
    node: 'web',
    types: [
      { type: LDS, version: '2', resources: [sent('late:80', 'd'), sent('users:80', 'c')] },
      { type: CDS, version: '2', resources: [] },
    ],
  };
  expect(joinedConfig([one, two])).toEqual({
    node: 'web',
    types: [
      { type: LDS, version: '2', resources: [sent('late:80', 'd'), sent('orders:80', 'a'), sent('users:80', 'c')] },
      { type: CDS, version: '2', resources: [] },
    ],
  });
});

test('a node with one stream was sent what that was, and one without any is not there', () => {
  const only = { node: 'web', types: [] };
  expect(joinedConfig([only])).toBe(only);
  expect(joinedConfig([])).toBeUndefined();
});
