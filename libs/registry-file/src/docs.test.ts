import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { parseSourceId } from '@isthmus/model';
import { readServices } from './read-services.ts';

const ROOT = join(import.meta.dirname, '../../..');
const read = (name: string, text: string) => readServices(parseSourceId('fixed'), name, Buffer.from(text));

test('the example and the services in docs/registries/file.md are valid, and have nothing to complain about', () => {
  const page = readFileSync(join(ROOT, 'docs/registries/file.md'), 'utf8');
  const blocks = [...page.matchAll(/```yaml\n(services:.*?)```/gs)].map((match) => match[1] ?? '');
  const example = readFileSync(join(ROOT, 'examples/services.yaml'), 'utf8');
  expect(blocks.length).toBeGreaterThan(0);
  for (const text of [example, ...blocks]) {
    const reading = read('services.yaml', text);
    if (reading.kind === 'wrong') throw new Error(JSON.stringify(reading.problems));
    const said = reading.records.flatMap((record) => record.diagnostics).filter(({ severity }) => severity !== 'info');
    expect([...said, ...reading.diagnostics]).toEqual([]);
  }
});
