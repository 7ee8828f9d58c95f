import { sortProblems } from '@isthmus/config';
import type { ConfigProblem } from '@isthmus/config';
import type { Diagnostic, ServiceRecord, SourceId } from '@isthmus/model';
import { readDocuments } from './documents.ts';
import { servicesOf } from './normalize.ts';

/** What a file says, or everything that is wrong with it. Nothing of a file that is wrong anywhere is used. */
export type Reading =
  | { readonly kind: 'read'; readonly records: readonly ServiceRecord[]; readonly diagnostics: readonly Diagnostic[] }
  | { readonly kind: 'wrong'; readonly problems: readonly ConfigProblem[] };

/** Pure. Takes about a second per megabyte: files of more than a few kilobytes go through `ReadingThread`. */
export function readServices(source: SourceId, file: string, bytes: Uint8Array): Reading {
  const read = readDocuments(file, bytes);
  if ('problems' in read) return { kind: 'wrong', problems: read.problems };
  const services = servicesOf(source, read.documents);
  return 'problems' in services ? { kind: 'wrong', problems: sortProblems(services.problems) } : { kind: 'read', ...services };
}
