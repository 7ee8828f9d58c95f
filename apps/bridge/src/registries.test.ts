import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { formatProblems, jsonSchema, parseConfig } from '@isthmus/config';
import { format, resolveConfig } from 'prettier';
import { registryKinds } from './registries.ts';

const ROOT = join(import.meta.dirname, '../../..');
const update = process.env['UPDATE_GOLDENS'] === '1';

/** What each kind needs besides its name. */
const LEAST: Readonly<Record<string, object>> = {
  nacos: { servers: ['http://127.0.0.1:8848'] },
  consul: {},
  eureka: { servers: ['http://127.0.0.1:8761/eureka'] },
  file: { path: 'services.yaml' },
  mcp: { servers: ['127.0.0.1:15010'] },
  zookeeper: { servers: ['127.0.0.1:2181'] },
};

interface EntrySchema {
  readonly title: string;
  readonly properties: Readonly<Record<string, { readonly default?: unknown; readonly description?: string }>>;
}

const schema = jsonSchema(registryKinds);
const entries = (schema as { properties: { registries: { items: { oneOf: EntrySchema[] } } } }).properties.registries.items.oneOf;

test('docs/config.schema.json is the schema of this version (UPDATE_GOLDENS=1 writes it)', async () => {
  const path = join(ROOT, 'docs/config.schema.json');
  const text = await format(JSON.stringify(schema), { ...(await resolveConfig(path)), filepath: path });
  if (update) writeFileSync(path, text);
  expect(readFileSync(path, 'utf8')).toBe(text);
});

describe.each(registryKinds.map((kind) => [kind.kind, kind] as const))('registries of kind %s', (name, kind) => {
  const properties = entries.find((entry) => entry.title === name)?.properties ?? {};
  const least = { name: 'a', kind: name, ...LEAST[name] };

  test('have a default that means the same when it is written into the file', () => {
    for (const [key, { default: preset }] of Object.entries(properties)) {
      if (preset === undefined || key in least) continue;
      expect(kind.schema.parse({ ...least, [key]: preset })).toEqual(kind.schema.parse(least));
    }
  });

  test('describe every field', () => {
    const bare = Object.entries(properties).filter(([key, field]) => field.description === undefined && key !== 'kind');
    expect(bare.map(([key]) => key)).toEqual([]);
  });
});

test('every config in docs and lab is valid', () => {
  const document = readFileSync(join(ROOT, 'docs/config.md'), 'utf8');
  const blocks = [...document.matchAll(/```yaml\n(version: 1\n.*?)```/gs)].map((match) => match[1] ?? '');
  expect(blocks.length).toBeGreaterThan(1);
  for (const text of [...blocks, readFileSync(join(ROOT, 'apps/lab/lab.yaml'), 'utf8')]) {
    const result = parseConfig('docs.yaml', Buffer.from(text), { kinds: registryKinds });
    expect(result.ok ? '' : formatProblems(result.problems)).toBe('');
  }
});
