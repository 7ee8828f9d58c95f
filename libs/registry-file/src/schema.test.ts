import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { format, resolveConfig } from 'prettier';
import { z } from 'zod';
import { servicesSchema } from './services-schema.ts';

test('docs/registries/services.schema.json is the schema of this version (UPDATE_GOLDENS=1 writes it)', async () => {
  const path = join(import.meta.dirname, '../../../docs/registries/services.schema.json');
  const schema = z.toJSONSchema(servicesSchema, { io: 'input', unrepresentable: 'any' });
  const text = await format(JSON.stringify(schema), { ...(await resolveConfig(path)), filepath: path });
  if (process.env['UPDATE_GOLDENS'] === '1') writeFileSync(path, text);
  expect(readFileSync(path, 'utf8')).toBe(text);
});
