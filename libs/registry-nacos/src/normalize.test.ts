import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { parseSourceId } from '@isthmus/model';
import { bareName } from './grpc-reads.ts';
import { recordOf, serviceInfoOf } from './normalize.ts';

// testdata/in: `ServiceInfo` as real servers gave it -> testdata/out: the record. UPDATE_GOLDENS=1 writes them and deletes orphans.
const input = new URL('./testdata/in/', import.meta.url);
const output = new URL('./testdata/out/', import.meta.url);
const update = process.env['UPDATE_GOLDENS'] === '1';
const cases = readdirSync(input).filter((file) => file.endsWith('.json'));

function read(file: string): Record<string, unknown> {
  return JSON.parse(readFileSync(new URL(file, input), 'utf8')) as Record<string, unknown>;
}

function normalise(json: Record<string, unknown>) {
  const info = serviceInfoOf(json);
  if (info === undefined) throw new Error('no ServiceInfo');
  const group = String(json['groupName']);
  const key = { source: parseSourceId('shop'), namespace: 'public', group, name: bareName(String(json['name'])) };
  const result = recordOf(key, info);
  if (!('record' in result)) throw new Error(result.rejected.what);
  return result.record;
}

describe('what real Nacos servers said becomes a record', () => {
  test.each(cases)('%s', (file) => {
    const text = `${JSON.stringify(normalise(read(file)), undefined, 2)}\n`;
    const golden = new URL(file, output);
    if (update) writeFileSync(golden, text);
    expect(text).toBe(readFileSync(golden, 'utf8'));
  });

  test('and every golden has an input', () => {
    const orphans = readdirSync(output).filter((file) => !cases.includes(file));
    if (update) for (const orphan of orphans) rmSync(new URL(orphan, output));
    else expect(orphans).toEqual([]);
  });

  test('the same from Nacos 2 and 3', () => {
    for (const file of cases.filter((name) => name.startsWith('nacos2-grpc'))) {
      expect(normalise(read(file))).toEqual(normalise(read(file.replace('nacos2', 'nacos3'))));
    }
  });

  test('the order of hosts and of metadata does not show', () => {
    const json = read('nacos2-v1-instance-list.persistent-secure.json');
    const [host] = json['hosts'] as Record<string, unknown>[];
    const metadata = Object.fromEntries(Object.entries(host?.['metadata'] as object).reverse());
    const other = { ...host, ip: '10.0.0.1' };
    const turned = normalise({ ...json, hosts: [{ ...host, metadata }, other] });
    expect(JSON.stringify(turned)).toBe(JSON.stringify(normalise({ ...json, hosts: [other, host] })));
  });
});
