import { describe, expect, test } from '@jest/globals';
import { jsonSchema } from './json-schema.ts';
import { testKinds } from './test-kinds.ts';

describe('the JSON Schema', () => {
  const schema = jsonSchema(testKinds) as {
    required: string[];
    additionalProperties: boolean;
    properties: { registries: { items: { oneOf: { title: string; properties: { kind: unknown }; required: string[] }[] } } };
  };

  test('is of what users write: only version, meshId and registries are required', () => {
    expect(schema.required).toEqual(['version', 'meshId', 'registries']);
    expect(schema.additionalProperties).toBe(false);
  });

  test('has one alternative for each kind of registry, told apart by kind', () => {
    const kinds = schema.properties.registries.items.oneOf;
    expect(kinds.map((k) => [k.title, k.properties.kind])).toEqual([
      ['nacos', { type: 'string', const: 'nacos' }],
      ['consul', { type: 'string', const: 'consul' }],
    ]);
    expect(kinds[0]?.required).toEqual(['name', 'kind', 'servers']);
  });

  test('describes every field', () => {
    const bare: string[] = [];
    const visit = (node: unknown, path: string): void => {
      if (typeof node !== 'object' || node === null) return;
      for (const [name, field] of Object.entries((node as { properties?: object }).properties ?? {})) {
        if (!('description' in field) && !/\.(ports\.[\w-]+|kind)$/.test(`${path}.${name}`)) bare.push(`${path}.${name}`);
        visit(field, `${path}.${name}`);
      }
    };
    visit(jsonSchema([]), '');
    expect(bare).toEqual([]);
  });
});
