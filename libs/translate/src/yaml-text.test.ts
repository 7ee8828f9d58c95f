import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { parse } from 'yaml';
import { yamlText } from './yaml-text.ts';

test('reads like YAML that a person writes', () => {
  const object = {
    kind: 'ServiceEntry',
    metadata: { name: 'a.nacos', labels: {} },
    spec: {
      hosts: ['a.nacos'],
      endpoints: [{ address: '10.0.0.1', ports: { 'http-80': 8080 }, labels: { version: '1.0', on: 'yes' } }],
    },
  };
  expect(yamlText(object)).toBe(`kind: ServiceEntry
metadata:
  name: a.nacos
  labels: {}
spec:
  hosts:
    - a.nacos
  endpoints:
    - address: 10.0.0.1
      ports:
        http-80: 8080
      labels:
        version: "1.0"
        "on": "yes"
`);
});

test('whatever the object: what is read back, by YAML 1.1 and 1.2, is what was written', () => {
  const text = fc.oneof(
    fc.string({ unit: 'grapheme', maxLength: 20 }),
    fc.constantFrom(
      '',
      '1',
      '1e3',
      '0x1',
      'null',
      'No',
      '~',
      '- a',
      'a: b',
      '#',
      "'",
      '2001:db8::1',
      '12:30:45',
      '1.2.3.4',
      '2026-11-21',
      '=',
    ),
  );
  const value = fc.letrec((tie) => ({
    map: fc.dictionary(fc.oneof(text, fc.stringMatching(/^[a-z/.-]{1,8}$/)), tie('any'), { maxKeys: 5, noNullPrototype: true }),
    any: fc.oneof(
      { depthSize: 'small' },
      text,
      fc.integer(),
      fc.boolean(),
      fc.constant(null),
      tie('map'),
      fc.array(tie('any'), { maxLength: 4 }),
    ),
  })).map;
  fc.assert(
    fc.property(value as fc.Arbitrary<Record<string, unknown>>, (object) => {
      fc.pre(!Object.hasOwn(object, '__proto__') && !JSON.stringify(object).includes('"__proto__"'));
      fc.pre(Object.keys(object).length > 0);
      const written = yamlText(object);
      for (const version of ['1.1', '1.2'] as const) expect(parse(written, { version, merge: false })).toEqual(object);
    }),
  );
});
