import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { fromBinary, toJson } from '@bufbuild/protobuf';
import { expect, test } from '@jest/globals';
import { ListenerSchema } from '@isthmus/proto/envoy';
import { typeRegistry } from '@isthmus/proto/type-registry';
import { stringify } from 'yaml';
import { listenerCaseNames, listenerDiagnostics, listenersOf, readListenersCase } from './testing/listeners-case.ts';

// testdata/listeners/in/<case>.yaml -> testdata/listeners/out/<case>.yaml; UPDATE_GOLDENS=1 writes them and deletes orphans.
const output = new URL('../testdata/listeners/out/', import.meta.url);
const update = process.env['UPDATE_GOLDENS'] === '1';
const cases = listenerCaseNames();

if (update) {
  mkdirSync(output, { recursive: true });
  for (const file of readdirSync(output)) if (!cases.includes(file.replace(/\.yaml$/, ''))) rmSync(new URL(file, output));
}

test.each(cases)('%s gives the listeners that are on file', (name) => {
  const { scope, asks } = readListenersCase(name);
  const listeners = listenersOf(scope, asks).toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const json = listeners.map(({ bytes }) =>
    toJson(ListenerSchema, fromBinary(ListenerSchema, bytes), { registry: typeRegistry }),
  );
  const diagnostics = listenerDiagnostics(scope);
  const all = { listeners: json, ...(diagnostics.length > 0 && { diagnostics }) };
  const text = stringify(all, { lineWidth: 0, aliasDuplicateObjects: false });
  const file = new URL(`${name}.yaml`, output);
  if (update) writeFileSync(file, text);
  expect(existsSync(file)).toBe(true);
  expect(text).toBe(readFileSync(file, 'utf8'));
  expect(new Set(listeners.map((listener) => listener.name)).size).toBe(listeners.length);
});

test('no file in testdata/listeners/out is without its input', () => {
  expect(readdirSync(output).sort()).toEqual(cases.map((name) => `${name}.yaml`).sort());
});
