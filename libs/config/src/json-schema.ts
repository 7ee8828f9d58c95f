import { z } from 'zod';
import type { ConfigurableKind } from './config.ts';
import { configSchema } from './schema.ts';

/** JSON Schema (draft 2020-12) of the config file, with the registries that the program has; for editors. */
export function jsonSchema(kinds: readonly ConfigurableKind[]): Record<string, unknown> {
  const base = schemaOf(configSchema);
  const properties = base['properties'] as Record<string, object>;
  const entries = kinds.map(({ kind, schema }) => {
    const { $schema: _, ...entry } = schemaOf(schema);
    return { title: kind, ...entry };
  });
  const { $schema, ...rest } = base;
  return {
    $schema,
    title: 'Isthmus config',
    ...rest,
    properties: { ...properties, registries: { ...properties['registries'], items: { oneOf: entries } } },
  };
}

function schemaOf(schema: z.ZodType): Record<string, unknown> {
  return { ...z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) };
}
