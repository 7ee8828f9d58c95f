import { CORE_SCHEMA, load } from 'js-yaml';

/** A document's data and where it begins; everything else of it has to be asked of a parser that knows places. */
export interface PlainDocument {
  readonly value: object;
  /** Offset of the first character of its content. */
  readonly start: number;
}

/**
 * What the two parsers might not read alike, or of which files have little: directives, tags, anchors, explicit and merge keys,
 * ends of documents, and content behind `---`. To find more than there is costs time only.
 */
const UNUSUAL = /^%|^\.\.\.|^---[ \t]*[^\s#]|^[ \t]*\?|(?:^|[\s[{,:-])[!&*]|<<|__proto__|\t/m;
const BEFORE_CONTENT = /(?:[ \t]*(?:#[^\n]*)?\r?\n|---[ \t]*(?:#[^\n]*)?\r?\n)*[ ]*/y;

/**
 * One YAML document without anything unusual, read ten times faster than with the places of everything; undefined where it is
 * not as simple as that, or is wrong: then the other parser has to look.
 * @param mostDepth of lists and maps within each other
 */
export function plainYaml(text: string, mostDepth: number): PlainDocument | undefined {
  if (UNUSUAL.test(text)) return undefined;
  let value: unknown;
  try {
    value = load(text, { schema: CORE_SCHEMA });
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null || !isPlain(value, mostDepth)) return undefined;
  BEFORE_CONTENT.lastIndex = 0;
  return { value, start: BEFORE_CONTENT.exec(text)?.[0].length ?? 0 };
}

/** Texts that this parser takes where the other demands quotes. */
const NEEDS_QUOTES = /^[\]},%@`]/;

/** A key that is null is the key `null` to one of the parsers and an empty one to the other. */
function isPlain(value: unknown, mostDepth: number): boolean {
  if (typeof value === 'string') return !NEEDS_QUOTES.test(value);
  if (typeof value !== 'object' || value === null) return true;
  if (mostDepth === 0) return false;
  if (Array.isArray(value)) return value.every((item) => isPlain(item, mostDepth - 1));
  return Object.entries(value).every(([key, item]) => key !== 'null' && !NEEDS_QUOTES.test(key) && isPlain(item, mostDepth - 1));
}
