import { expect, test } from '@jest/globals';
import type { EncodedVirtualHost } from '@isthmus/translate';
import fc from 'fast-check';
import { VirtualHostList } from './virtual-host-list.ts';

const host = (name: string, version: number): EncodedVirtualHost => ({
  route: 'r',
  name,
  version: String(version),
  bytes: new Uint8Array(),
});

test('the list is what sorting all present hosts gives, whatever came and went', () => {
  const change = fc.tuple(fc.constantFrom('a', 'b', 'c', 'd', 'e'), fc.array(fc.nat(9), { maxLength: 3 }));
  fc.assert(
    fc.property(fc.array(change, { maxLength: 40 }), (changes) => {
      const list = new VirtualHostList();
      const present = new Map<string, readonly EncodedVirtualHost[]>();
      for (const [name, versions] of changes) {
        const next = [...new Set(versions)].map((version) => host(`${name}:${version}`, version));
        list.replace(present.get(name) ?? [], next);
        present.set(name, next);
      }
      const expected = [...present.values()].flat().map(({ name }) => name);
      expect(list.sorted.map(({ name }) => name)).toEqual(expected.sort());
    }),
  );
});
