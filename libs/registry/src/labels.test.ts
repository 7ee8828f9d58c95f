import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { labelsFrom } from './labels.ts';

const VALUE = /^((?:[A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$/;
const anyMetadata = fc.dictionary(
  fc.oneof(fc.string({ maxLength: 80 }), fc.constantFrom('a/b', 'example.com/x', 'a_b', 'a b', 'a:b')),
  fc.string({ maxLength: 80, unit: 'grapheme' }),
);

describe('labels made of metadata', () => {
  test('are valid Kubernetes labels, whatever the metadata', () => {
    fc.assert(
      fc.property(anyMetadata, (metadata) => {
        for (const [key, value] of Object.entries(labelsFrom(metadata).labels)) {
          const name = key.slice(key.indexOf('/') + 1);
          expect(name.length).toBeLessThanOrEqual(63);
          expect(name).toMatch(/^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/);
          expect(value.length).toBeLessThanOrEqual(63);
          expect(value).toMatch(VALUE);
        }
      }),
    );
  });

  test('do not depend on the order of the metadata', () => {
    fc.assert(
      fc.property(anyMetadata, (metadata) => {
        const turned = Object.fromEntries(Object.entries(metadata).reverse());
        expect(labelsFrom(turned)).toEqual(labelsFrom(metadata));
      }),
    );
  });

  test('are the metadata object itself when nothing had to change', () => {
    const metadata = { version: 'v1', 'topology.kubernetes.io/zone': 'a', empty: '' };
    expect(labelsFrom(metadata).labels).toBe(metadata);
  });

  test('name what had to change or was dropped', () => {
    expect(labelsFrom({ 'a b': 'x/y', ok: 'yes' })).toEqual({ labels: { a_b: 'x_y', ok: 'yes' }, changed: ['a b'] });
    expect(labelsFrom({ a_b: '1', 'a b': '2' })).toEqual({ labels: { a_b: '1' }, changed: ['a b'] });
  });

  test('are at most 256', () => {
    const metadata = Object.fromEntries(Array.from({ length: 300 }, (_, n) => [`k${n}`, 'v']));
    const { labels, changed } = labelsFrom(metadata);
    expect(Object.keys(labels)).toHaveLength(256);
    expect(changed).toHaveLength(44);
  });
});
