import { expect, test } from '@jest/globals';
import type { Answer } from './answer.ts';
import type { ScopeState } from './scope-state.ts';
import { ServiceReader } from './service-reader.ts';
import type { ReaderOptions } from './service-reader.ts';

test('a list that came before is not read again: of a thousand services it comes twenty times a second while weights change', () => {
  let looked = 0;
  const options = {
    scope: { source: 'consul', namespace: 'dc1', group: '' },
    state: { problem: () => undefined } as unknown as ScopeState,
    wants: (name: string) => {
      looked += 1;
      return name !== 'consul';
    },
    hasToken: false,
  };
  const reader = new ServiceReader(
    options as unknown as ReaderOptions,
    new AbortController().signal,
    async () => undefined,
    () => undefined,
  );
  const listed = (services: object, rest: Partial<Answer> = {}) =>
    reader.listed({ body: Buffer.from(JSON.stringify(services)), contentType: 'application/json', ...rest } as Answer);
  expect(listed({ consul: [], a: [], b: ['x'] }).names).toEqual(['a', 'b']);
  expect(looked).toBe(3);
  expect(listed({ consul: [], a: [], b: ['x'] })).toEqual({ names: ['a', 'b'], complete: true });
  expect(looked).toBe(3);
  // The same names, of which ACLs may have hidden some.
  expect(listed({ consul: [], a: [], b: ['x'] }, { filtered: true }).complete).toBe(false);
  expect(listed({ consul: [], a: [] }).names).toEqual(['a']);
  expect(listed({ consul: [], a: [], b: ['x'] }).names).toEqual(['a', 'b']);
  expect(() => listed({ consul: [], a: [], b: ['x'] }, { contentType: 'text/html' })).toThrow('HTML');
});
