import { parseYamlDocuments } from '@isthmus/config';
import type { ConfigProblem, YamlFile } from '@isthmus/config';

type Documents = { readonly documents: readonly YamlFile[] } | { readonly problems: readonly ConfigProblem[] };

/**
 * The documents of a file, one a step: the parser takes a millisecond for a few kilobytes and cannot be interrupted. A line that
 * begins with `---` begins a document wherever it stands (YAML 1.2.2, section 9.1.2), so that the text can be cut there.
 */
export function* yamlDocumentSteps(file: string, bytes: Uint8Array, mostBytes: number): Generator<void, Documents> {
  if (bytes.length > mostBytes) return parseYamlDocuments(file, bytes, mostBytes);
  const documents: YamlFile[] = [];
  const problems: ConfigProblem[] = [];
  let linesBefore = 0;
  for (const piece of pieces(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length))) {
    yield;
    const parsed = parseYamlDocuments(file, piece, mostBytes);
    const shift = linesBefore;
    const down = <T extends { readonly line: number }>(place: T): T => ({ ...place, line: place.line + shift });
    if ('problems' in parsed) problems.push(...parsed.problems.map(down));
    else
      for (const document of parsed.documents)
        documents.push({
          ...document,
          keyAt: (path) => down(document.keyAt(path)),
          valueAt: (path) => down(document.valueAt(path)),
        });
    linesBefore += linesOf(piece);
  }
  return problems.length > 0 ? { problems } : { documents };
}

const MARK = '\n---';

function* pieces(bytes: Buffer): Generator<Buffer> {
  let from = 0;
  for (let at = bytes.indexOf(MARK); at >= 0; at = bytes.indexOf(MARK, at + 1)) {
    if (!ENDS_MARK.has(bytes[at + MARK.length])) continue; // `-----` is text
    yield bytes.subarray(from, at + 1);
    from = at + 1;
  }
  yield bytes.subarray(from);
}

/** Space, tab, line ends, the end of the file. */
const ENDS_MARK = new Set([32, 9, 10, 13, undefined]);

function linesOf(bytes: Buffer): number {
  let lines = 0;
  for (let at = bytes.indexOf(10); at >= 0; at = bytes.indexOf(10, at + 1)) lines += 1;
  return lines;
}
