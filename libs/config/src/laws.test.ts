import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { stringify } from 'yaml';
import { parseConfig } from './load-config.ts';
import { testKinds } from './test-kinds.ts';

const KEYS = [
  'version',
  'meshId',
  'registries',
  'merge',
  'hosts',
  'host',
  'services',
  'ports',
  'outputs',
  'mcp',
  'listen',
  'tls',
  'auth',
  'name',
  'kind',
  'password',
  'guard',
  '__proto__',
];

/** Documents that look like configs: known keys in wrong places, known values in wrong types. */
const { document } = fc.letrec((tie) => ({
  leaf: fc.oneof(
    fc.constantFrom('nacos', 'shop', '127.0.0.1:1', '0.0.0.0:1', 'http://a', '{name}', '30s'),
    fc.integer(),
    fc.boolean(),
    fc.constant(null),
    fc.string(),
  ),
  list: fc.array(tie('document'), { maxLength: 4 }),
  map: fc.array(fc.tuple(fc.constantFrom(...KEYS), tie('document')), { maxLength: 6 }).map((pairs) => Object.fromEntries(pairs)),
  document: fc.oneof({ depthSize: 'small' }, tie('leaf'), tie('list'), tie('map')),
}));

describe('whatever the file holds', () => {
  const sound = (bytes: Uint8Array): void => {
    const result = parseConfig('x.yaml', bytes, { kinds: testKinds });
    if (result.ok) return;
    const lines = Buffer.from(bytes)
      .toString('utf8')
      .split(/\r\n|\r|\n/).length;
    expect(result.problems.length).toBeGreaterThan(0);
    for (const p of result.problems) {
      expect(p.line).toBeGreaterThanOrEqual(1);
      expect(p.line).toBeLessThanOrEqual(lines);
      expect(p.column).toBeGreaterThanOrEqual(1);
      expect([p.what, p.why, p.remedy].every((text) => text.length > 0)).toBe(true);
    }
  };

  test('the answer is a config or problems with a place in it, never a throw', () => {
    fc.assert(
      fc.property(document, (value) => sound(Buffer.from(stringify(value)))),
      { numRuns: 300 },
    );
  });

  test('and so for bytes that are no YAML', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), sound), { numRuns: 300 });
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'[]{}:,-?&*!|>\'"%@`#ab \t\n'), maxLength: 60 }), (text) =>
        sound(Buffer.from(text)),
      ),
      { numRuns: 500 },
    );
  });
});
