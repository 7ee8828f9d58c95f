import { readBounded } from '@isthmus/config';
import { messageOf } from '@isthmus/model';
import type { SourceId } from '@isthmus/model';
import type { Finding, SourceDeps } from '@isthmus/registry';
import type { FileConfig } from './config.ts';
import { MOST_BYTES } from './documents.ts';
import { readServices } from './read-services.ts';
import { pathOf } from './source.ts';

/** Reads the file as the source would; every error in it is a finding. */
export async function fileDoctor(id: SourceId, config: FileConfig, deps: SourceDeps): Promise<readonly Finding[]> {
  const file = pathOf(config, deps.baseDir);
  let bytes: Uint8Array;
  try {
    bytes = await readBounded(file, MOST_BYTES);
  } catch (cause) {
    const remedy = 'check path of this registry, and that the bridge may read the file';
    return [{ level: 'error', what: `${file} cannot be read: ${messageOf(cause)}`, remedy }];
  }
  const reading = readServices(id, file, bytes);
  if (reading.kind === 'wrong') {
    return reading.problems
      .slice(0, 50)
      .map(({ line, column, what, remedy }) => ({ level: 'error', what: `${file}:${line}:${column}: ${what}`, remedy }));
  }
  const endpoints = reading.records.reduce((sum, { endpoints: list }) => sum + list.length, 0);
  const problems = [...reading.diagnostics, ...reading.records.flatMap((record) => record.diagnostics)];
  return [
    { level: 'ok', what: `${file}: ${reading.records.length} services, ${endpoints} endpoints` },
    ...problems
      .filter(({ severity }) => severity !== 'info')
      .slice(0, 20)
      .map(({ where, what, remedy }): Finding => ({ level: 'warning', what: `${where}: ${what}`, remedy })),
  ];
}
