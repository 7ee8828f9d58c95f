import { expect, test } from '@jest/globals';
import { CRD_RULES } from './crd-rules.ts';
import { CRD_SCHEMAS } from './gen/crd-schemas.ts';

test('every rule of the CRDs is in the table, and the table has no other', () => {
  const rules = new Set<string>();
  JSON.stringify(CRD_SCHEMAS, (key, value: unknown) => {
    if (key === 'rules') for (const rule of value as readonly string[]) rules.add(rule);
    return value;
  });
  expect(Object.keys(CRD_RULES).sort()).toEqual([...rules].sort());
});
