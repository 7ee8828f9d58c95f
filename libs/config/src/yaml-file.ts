import { isUtf8 } from 'node:buffer';
import { LineCounter, isAlias, isMap, isNode, isPair, isScalar, isSeq, parseAllDocuments, parseDocument } from 'yaml';
import type { Document, DocumentOptions, Node, Pair, ParseOptions, SchemaOptions, YAMLError } from 'yaml';
import { plainYaml } from './plain-yaml.ts';
import type { ConfigPath, ConfigProblem } from './problem.ts';

/** Far above any real config, far below what hurts. */
export const MOST_CONFIG_BYTES = 1024 * 1024;
/** Times that anchors may be repeated in all; a "billion laughs" file needs more. */
const MOST_ALIASES = 100;
/** Nested lists and maps; the parser recurses. */
const MOST_DEPTH = 50;

export interface Place {
  readonly line: number;
  readonly column: number;
}

/** A parsed file that still knows where everything is written. */
export interface YamlFile {
  readonly file: string;
  /** Plain data: objects, arrays, strings, numbers, booleans, null. */
  readonly value: unknown;
  /** Where the key (or list item) at the path is; the nearest parent's for what is missing. */
  keyAt(path: ConfigPath): Place;
  /** Where the value at the path is; the nearest parent's key for what is missing. */
  valueAt(path: ConfigPath): Place;
}

export type YamlResult = { readonly yaml: YamlFile } | { readonly problems: readonly ConfigProblem[] };

/** Parses one YAML document. Never throws; syntax errors come all at once. */
export function parseYaml(file: string, bytes: Uint8Array): YamlResult {
  const parsed = parseDocuments(file, bytes, MOST_CONFIG_BYTES, (text, options) => [parseDocument(text, options)]);
  if ('problems' in parsed) return parsed;
  return { yaml: parsed.documents[0] as YamlFile };
}

export type YamlDocumentsResult = { readonly documents: readonly YamlFile[] } | { readonly problems: readonly ConfigProblem[] };

/** The same for a file of several documents. Empty documents are left out, so there may be none. */
export function parseYamlDocuments(file: string, bytes: Uint8Array, mostBytes: number): YamlDocumentsResult {
  return plainDocument(file, bytes, mostBytes) ?? parseWithPlaces(file, bytes, mostBytes);
}

function parseWithPlaces(file: string, bytes: Uint8Array, mostBytes: number): YamlDocumentsResult {
  return parseDocuments(file, bytes, mostBytes, (text, options) => {
    const documents = parseAllDocuments(text, options);
    return 'empty' in documents ? [] : documents.filter((doc) => doc.contents !== null || doc.errors.length > 0);
  });
}

/** Nearly every file is one plain document without a mistake: its places are found when somebody asks for one. */
function plainDocument(file: string, bytes: Uint8Array, mostBytes: number): YamlDocumentsResult | undefined {
  if (bytes.length > mostBytes || !isUtf8(bytes)) return undefined;
  const text = new TextDecoder().decode(bytes);
  if (placeOfDepth(text, MOST_DEPTH) !== undefined) return undefined;
  const plain = plainYaml(text, MOST_DEPTH);
  if (plain === undefined) return undefined;
  const before = text.slice(0, plain.start).split('\n');
  const start: Place = { line: before.length, column: (before.at(-1)?.length ?? 0) + 1 };
  let parsed: YamlFile | undefined;
  const located = (): Pick<YamlFile, 'keyAt' | 'valueAt'> => {
    if (parsed !== undefined) return parsed;
    const found = parseWithPlaces(file, bytes, mostBytes);
    parsed = 'documents' in found ? found.documents[0] : undefined;
    return parsed ?? { keyAt: () => start, valueAt: () => start };
  };
  const document: YamlFile = {
    file,
    value: plain.value,
    keyAt: (path) => (path.length === 0 ? start : located().keyAt(path)),
    valueAt: (path) => (path.length === 0 ? start : located().valueAt(path)),
  };
  return { documents: [document] };
}

type Options = ParseOptions & DocumentOptions & SchemaOptions;

function parseDocuments(
  file: string,
  bytes: Uint8Array,
  mostBytes: number,
  parse: (text: string, options: Options) => readonly Document[],
): YamlDocumentsResult {
  const fail = (what: string, why: string, remedy: string, place: Place = { line: 1, column: 1 }) => ({
    problems: [{ file, ...place, what, why, remedy }],
  });
  if (bytes.length > mostBytes)
    return fail(
      `${bytes.length} bytes, the most is ${mostBytes}`,
      'no file of its kind is that long',
      'split it, or give the bridge its own file',
    );
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return fail('is not UTF-8', 'YAML files are UTF-8 text', 'save it as UTF-8', firstInvalidUtf8(bytes));
  }
  const tooDeep = placeOfDepth(text, MOST_DEPTH);
  const lines = new LineCounter();
  const place = (offset: number): Place => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  };
  const nested = (where?: Place) =>
    fail(`is nested more than ${MOST_DEPTH} levels deep`, 'no config needs that', 'flatten it', where);
  if (tooDeep !== undefined) return nested(tooDeep);
  try {
    const docs = parse(text, { lineCounter: lines, prettyErrors: false, strict: true, uniqueKeys: true });
    // A tag that nobody knows is only a warning to the parser; a config has no use for one.
    const found = docs.flatMap((doc) => [...doc.errors, ...doc.warnings]);
    // One tab makes five errors further down, none of which is one without it.
    const tabs = found.filter(({ code }) => code === 'TAB_AS_INDENT');
    const wrong = tabs.length > 0 ? tabs : found;
    if (wrong.length > 0) {
      const problems = wrong.slice(0, 100).map((error) => ({
        file,
        ...place(error.pos[0]),
        what: `is not valid YAML: ${SYNTAX_WORDS[error.code] ?? firstLine(error.message)}`,
        why: 'nothing of the file can be used until it can be read',
        remedy: syntaxRemedy(error),
      }));
      return { problems };
    }
    if (docs.some((doc) => depth(doc.contents) > MOST_DEPTH)) return nested();
    return { documents: docs.map((doc) => locate(file, doc, doc.toJS({ maxAliasCount: MOST_ALIASES }), place)) };
  } catch (cause) {
    if (cause instanceof RangeError) return nested();
    return fail(
      `cannot be expanded: ${cause instanceof Error ? firstLine(cause.message) : String(cause)}`,
      `anchors may be repeated ${MOST_ALIASES} times in all`,
      'write the values out',
    );
  }
}

/** Where the parser's words are for programmers. */
const SYNTAX_WORDS: Readonly<Record<string, string>> = {
  MULTIPLE_DOCS: 'it has more than one document',
  MULTILINE_IMPLICIT_KEY: 'a key without a colon after it on its line',
  BLOCK_AS_IMPLICIT_KEY: 'a key within the value of another, on one line',
};

function syntaxRemedy({ code, message }: YAMLError): string {
  const open = code === 'BAD_INDENT' ? / end with a (.)/.exec(message)?.[1] : undefined;
  if (open !== undefined)
    return `is a ${open} missing above? what stands between brackets has to be indented, the closing one too`;
  return SYNTAX_REMEDIES[code] ?? 'check indentation, quotes and brackets at that place';
}

const SYNTAX_REMEDIES: Readonly<Record<string, string>> = {
  DUPLICATE_KEY: 'keep one of the two',
  MULTIPLE_DOCS: 'keep one document: remove the `---` between them',
  TAB_AS_INDENT: 'indent with spaces',
  TAG_RESOLVE_FAILED: 'leave the tag out',
  MULTILINE_IMPLICIT_KEY: 'write `key: value`, with a space behind the colon',
  BLOCK_AS_IMPLICIT_KEY: 'put a value with a colon into quotes, or the inner key on a line of its own',
  BAD_INDENT: 'give all keys of a map, and all items of a list, the same indentation',
};

function locate(file: string, doc: Document, value: unknown, place: (offset: number) => Place): YamlFile {
  const start = (node: unknown): number | undefined => (isNode(node) ? node.range?.[0] : undefined);
  /** Offsets of key and value along the path, up to where it ends. */
  const walk = (path: ConfigPath): { key: number; value: number | undefined } => {
    let node: unknown = doc.contents;
    let key = start(node) ?? 0;
    for (const part of path) {
      const container = isAlias(node) ? node.resolve(doc) : node;
      const next = step(container, part);
      if (next === undefined) return { key, value: undefined };
      key = start(next.key) ?? start(next.value) ?? key;
      node = next.value;
    }
    return { key, value: start(node) };
  };
  return {
    file,
    value,
    keyAt: (path) => place(walk(path).key),
    valueAt: (path) => {
      const found = walk(path);
      return place(found.value ?? found.key);
    },
  };
}

function step(container: unknown, part: string | number): { key: unknown; value: unknown } | undefined {
  if (isMap(container)) {
    const pair = container.items.find(
      (item) => isPair(item) && String(isScalar(item.key) ? item.key.value : item.key) === String(part),
    );
    return pair === undefined ? undefined : { key: pair.key, value: pair.value };
  }
  if (isSeq(container) && typeof part === 'number' && part < container.items.length) {
    return { key: undefined, value: container.items[part] };
  }
  return undefined;
}

function depth(node: Node | Pair | null): number {
  if (isMap(node)) return 1 + node.items.reduce((most, pair) => Math.max(most, depth(isNode(pair.value) ? pair.value : null)), 0);
  if (isSeq(node)) return 1 + node.items.reduce<number>((most, item) => Math.max(most, depth(isNode(item) ? item : null)), 0);
  return 0;
}

/**
 * The parser recurses, so thousands of brackets or ever deeper lines end in a stack overflow, after seconds.
 * Brackets inside of strings and the lines of block texts count too: a config with fifty of them open is none
 * that we miss.
 */
function placeOfDepth(text: string, most: number): Place | undefined {
  let open = 0;
  const indents: number[] = [];
  for (const [number, line] of text.split('\n').entries()) {
    const indent = line.search(/[^ ]/);
    if (indent >= 0 && line[indent] !== '#') {
      while ((indents.at(-1) ?? -1) >= indent) indents.pop();
      indents.push(indent);
    }
    let inLine = 0; // "- - - -" and "? ? ?" nest within a line
    for (let i = 0; i < line.length; i += 1) {
      const c = line[i];
      if (c === '[' || c === '{') open += 1;
      else if (c === ']' || c === '}') open = Math.max(0, open - 1);
      else if ((c === '-' || c === '?') && line[i + 1] === ' ') inLine += 1;
      if (open + indents.length > most || inLine > most) return { line: number + 1, column: i + 1 };
    }
  }
  return undefined;
}

function firstInvalidUtf8(bytes: Uint8Array): Place {
  // Bytes up to the first bad one decode to the same text; what is replaced is where it broke.
  const text = new TextDecoder('utf-8').decode(bytes);
  const at = text.indexOf('\ufffd');
  const before = text.slice(0, at < 0 ? 0 : at);
  return { line: before.split('\n').length, column: before.length - before.lastIndexOf('\n') };
}

function firstLine(message: string): string {
  const line = message.split('\n')[0] ?? message;
  return line.length > 200 ? `${line.slice(0, 197)}...` : line;
}
