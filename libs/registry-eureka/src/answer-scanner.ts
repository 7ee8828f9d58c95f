/**
 * Cuts an answer of Eureka's REST (`{"applications": {…, "application": [{…}, {…}]}}`) into its applications while the
 * bytes come in, so that 96 MB of JSON are never in memory at once and never parsed in one go.
 *
 * Applications are found by counting braces outside of strings; what is inside of one is left to JSON.parse. The rest of
 * the answer, with a 0 in the place of every application, is the skeleton: parsing that at the end proves that the
 * answer is whole JSON (a truncated body, an unbalanced brace or text after the end all show there).
 */
import { AnswerError } from './answer-error.ts';

/** One application's bytes, or the beginning of one that is larger than the limit. */
export type Piece =
  { readonly kind: 'application'; readonly bytes: Buffer } | { readonly kind: 'oversize'; readonly start: Buffer };

export interface AnswerHead {
  /** Counts how often the server computed its delta; starts again at a restart. Undefined when it is no number. */
  readonly version: number | undefined;
  /** `UP_3_`: how many instances the server has in each status; `''` when it has none. */
  readonly hash: string;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const BLANK = new Set([0x20, 0x09, 0x0a, 0x0d]);
const ZERO = Buffer.from('0');

/** The skeleton has two bytes an application; four MiB are two million of them. */
const MOST_SKELETON_BYTES = 4 * 1024 * 1024;
/** Enough of an oversize application to find its name. */
const START_BYTES = 4 * 1024;

export class AnswerScanner {
  readonly #mostPieceBytes: number;
  readonly #skeleton = new Skeleton();
  #inString = false;
  #escaped = false;
  /** Braces and brackets open outside of applications; undefined before the first one. */
  #depth: number | undefined;
  /** True inside of the `applications` object. */
  #inApplications = false;
  /** True while its `application` array stands open. */
  #inArray = false;
  /** The last string outside of applications; before `{` or `[` in an object it is the key. */
  #word = '';
  /** Braces and brackets open inside of an application, 0 outside. */
  #pieceDepth = 0;
  #piece: Buffer[] = [];
  #pieceBytes = 0;

  constructor(mostPieceBytes: number) {
    this.#mostPieceBytes = mostPieceBytes;
  }

  /** Yields the applications that end in this chunk. @throws AnswerError when this is no JSON object. */
  *push(chunk: Buffer): Generator<Piece> {
    let at = 0;
    while (at < chunk.length) {
      if (this.#pieceDepth === 0) {
        at = this.#scanOutside(chunk, at);
        continue;
      }
      const end = this.#scanPiece(chunk, at);
      this.#add(chunk.subarray(at, end));
      at = end;
      if (this.#pieceDepth === 0) yield this.#take();
    }
  }

  /** Up to the first brace of an application, which stays for `#scanPiece`, or to the end. */
  #scanOutside(chunk: Buffer, from: number): number {
    for (let at = from; at < chunk.length; at += 1) {
      const byte = chunk[at] as number;
      if (this.#depth === undefined) {
        if (BLANK.has(byte)) continue;
        if (byte !== OPEN_BRACE) throw notJson(chunk.subarray(at));
        this.#depth = 1;
      } else if (this.#inString) {
        if (this.#escaped) this.#escaped = false;
        else if (byte === BACKSLASH) this.#escaped = true;
        else if (byte === QUOTE) this.#inString = false;
        if (this.#inString && this.#word.length < 16) this.#word += String.fromCharCode(byte);
      } else if (byte === QUOTE) {
        this.#inString = true;
        this.#word = '';
      } else if (byte === OPEN_BRACE && this.#startsApplication(this.#depth)) {
        this.#skeleton.add(chunk.subarray(from, at));
        this.#skeleton.add(ZERO);
        this.#pieceDepth = 1;
        this.#add(chunk.subarray(at, at + 1));
        return at + 1;
      } else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
        if (this.#depth === 1) this.#inApplications = byte === OPEN_BRACE && this.#word === 'applications';
        else if (byte === OPEN_BRACKET && this.#isList(this.#depth)) this.#inArray = true;
        this.#depth += 1;
      } else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
        this.#depth -= 1;
        if (this.#depth === 2) this.#inArray = false;
      }
    }
    this.#skeleton.add(chunk.subarray(from));
    return chunk.length;
  }

  /** The hot loop: every byte of every instance passes here. Returns the index after the application, or the end. */
  #scanPiece(chunk: Buffer, from: number): number {
    let at = from;
    let depth = this.#pieceDepth;
    let inString = this.#inString;
    let escaped = this.#escaped;
    const { length } = chunk;
    while (at < length && depth > 0) {
      const byte = chunk[at];
      at += 1;
      if (inString) {
        if (escaped) escaped = false;
        else if (byte === BACKSLASH) escaped = true;
        else if (byte === QUOTE) inString = false;
      } else if (byte === QUOTE) inString = true;
      else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) depth += 1;
      else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) depth -= 1;
    }
    this.#pieceDepth = depth;
    this.#inString = inString;
    this.#escaped = escaped;
    return at;
  }

  /** @throws AnswerError when the answer is not whole. */
  end(): AnswerHead {
    if (this.#depth === undefined || this.#depth > 0 || this.#pieceDepth > 0) {
      throw new AnswerError('answer.invalid', 'the answer is truncated JSON: it ends in the middle of the list');
    }
    let head: unknown;
    try {
      head = JSON.parse(decodeUtf8(this.#skeleton.bytes()));
    } catch (cause) {
      throw new AnswerError('answer.invalid', `the answer is no JSON: ${cause instanceof Error ? cause.message : String(cause)}`);
    }
    const list = isObject(head) ? head['applications'] : undefined;
    if (!isObject(list)) throw new AnswerError('answer.invalid', 'the answer is JSON, but has no "applications" object');
    const version = Number(list['versions__delta']);
    const hash = list['apps__hashcode'];
    return { version: Number.isFinite(version) ? version : undefined, hash: typeof hash === 'string' ? hash : '' };
  }

  /** `"application": [ { } ]`, or `"application": { }`: what XML-to-JSON makes of a list with one entry. */
  #startsApplication(depth: number): boolean {
    return this.#inArray ? depth === 3 : this.#isList(depth);
  }

  #isList(depth: number): boolean {
    return depth === 2 && this.#inApplications && this.#word === 'application';
  }

  #add(bytes: Buffer): void {
    const before = this.#pieceBytes;
    this.#pieceBytes += bytes.length;
    if (this.#pieceBytes <= this.#mostPieceBytes) this.#piece.push(bytes);
    else if (before <= this.#mostPieceBytes) this.#piece = [Buffer.concat([...this.#piece, bytes]).subarray(0, START_BYTES)];
  }

  #take(): Piece {
    const bytes = this.#piece.length === 1 ? (this.#piece[0] as Buffer) : Buffer.concat(this.#piece);
    const piece: Piece =
      this.#pieceBytes > this.#mostPieceBytes ? { kind: 'oversize', start: Buffer.from(bytes) } : { kind: 'application', bytes };
    this.#piece = [];
    this.#pieceBytes = 0;
    return piece;
  }
}

/** Grows by copying: a slice would keep the whole chunk that it was cut from. */
class Skeleton {
  #buffer = Buffer.alloc(1024);
  #length = 0;

  add(bytes: Buffer): void {
    const length = this.#length + bytes.length;
    if (length > MOST_SKELETON_BYTES) {
      throw new AnswerError(
        'answer.too-large',
        `the answer has more than ${MOST_SKELETON_BYTES} bytes outside of its applications`,
      );
    }
    if (length > this.#buffer.length) {
      const larger = Buffer.alloc(Math.max(length, this.#buffer.length * 2));
      this.#buffer.copy(larger, 0, 0, this.#length);
      this.#buffer = larger;
    }
    bytes.copy(this.#buffer, this.#length);
    this.#length = length;
  }

  bytes(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** @throws TypeError when the bytes are not UTF-8. */
export function decodeUtf8(bytes: Uint8Array): string {
  return utf8.decode(bytes);
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Proxies and login filters answer 200 with a page of their own; that must never look like "no services". */
function notJson(bytes: Buffer): AnswerError {
  const start = bytes.subarray(0, 200).toString('latin1').toLowerCase();
  if (start.startsWith('<!doctype html') || start.startsWith('<html')) {
    return new AnswerError('answer.invalid', 'the answer is an HTML page (a login page?) instead of JSON');
  }
  if (start.startsWith('<')) return new AnswerError('answer.invalid', 'the answer is XML or HTML instead of JSON');
  return new AnswerError('answer.invalid', 'the answer does not start like JSON');
}
