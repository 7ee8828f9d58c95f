import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { formatDiagnostic, parseSourceId } from '@isthmus/model';
import type { Diagnostic, ServiceRecord } from '@isthmus/model';
import { AnswerScanner } from './answer-scanner.ts';
import { ApplicationReader } from './application.ts';
import { FullRead, emptyMirror } from './mirror.ts';

const testdata = join(import.meta.dirname, 'testdata');
const update = process.env['UPDATE_GOLDENS'] === '1';

/** What a full read of these bytes gives, as a page that can be read. */
function read(bytes: Buffer): string {
  const reader = new ApplicationReader(parseSourceId('old'), { include: ['*'], exclude: [] });
  const full = new FullRead(reader, emptyMirror());
  const scanner = new AnswerScanner(1_000_000);
  const records: ServiceRecord[] = [];
  for (const piece of scanner.push(bytes)) {
    const record = full.add(reader.read(piece));
    if (record !== undefined) records.push(record);
  }
  const { mirror } = full.finish(scanner.end());
  return `${JSON.stringify({ services: records.map(page), problems: [...mirror.problems.values()].map(formatDiagnostic) }, null, 1)}\n`;
}

function page({ key, host, endpoints, diagnostics }: ServiceRecord): unknown {
  const lines = endpoints.map((e) =>
    [
      `${e.instanceId}: ${e.protocol} ${e.address}:${e.port} (${e.addressType}) ${e.health}, weight ${e.weight}`,
      `zone ${e.locality.region}/${e.locality.zone}`,
      JSON.stringify(e.metadata),
    ].join(', '),
  );
  return { name: key.name, host, endpoints: lines, diagnostics: diagnostics.map((d: Diagnostic) => formatDiagnostic(d)) };
}

describe('what becomes of Eureka’s answers', () => {
  const names = readdirSync(join(testdata, 'in')).map((file) => file.replace(/\.json$/, ''));
  const out = (name: string) => join(testdata, 'out', `${name}.json`);

  test.each(names)('%s.json', (name) => {
    const actual = read(readFileSync(join(testdata, 'in', `${name}.json`)));
    if (update) {
      mkdirSync(join(testdata, 'out'), { recursive: true });
      writeFileSync(out(name), actual);
    }
    expect(actual).toBe(readFileSync(out(name), 'utf8'));
  });

  test('no golden is left over', () => {
    const orphans = readdirSync(join(testdata, 'out')).filter((file) => !names.includes(file.replace(/\.json$/, '')));
    if (update) for (const orphan of orphans) rmSync(join(testdata, 'out', orphan));
    expect(update ? [] : orphans).toEqual([]);
  });
});
