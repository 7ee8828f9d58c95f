import { isPosixClass, isUnicodeClass } from './re2-classes.ts';

/** Istio refuses longer ones. */
const MOST_BYTES = 1_024;
const MOST_REPEATS = 1_000;
/** Instructions of the compiled program that an Envoy with Istio's bootstrap takes, or one of `proxy bootstrap`. */
const MOST_STEPS = 32_768;
/**
 * What classes come to in the Envoy that makes most of them: until 1.38 it matches characters, whose bytes take steps of their own, since
 * 1.40 bytes. `.` or `\d`; characters beyond ASCII; `\pL`, and any other of Unicode, which are all smaller.
 */
const STEPS = { named: 10, beyondAscii: 16, ofUnicode: 1_200 };

class NotRe2 extends Error {}

/** What a repetition multiplies. `size`: instructions, rather too many than too few. */
interface Part {
  readonly repeats: number;
  readonly size: number;
}

/**
 * Why Envoy, which matches with RE2, would refuse the expression; undefined: it would not. Linear in its length.
 * Istio's validator asks Go's parser, which takes two things that Envoy refuses, and with them all routes of their listener:
 * programs that are too large, and (1.40) characters above `\x{FF}`. https://github.com/google/re2/wiki/Syntax
 */
export function re2Problem(expression: string): string | undefined {
  if (Buffer.byteLength(expression) > MOST_BYTES) return `is longer than ${MOST_BYTES} bytes`;
  try {
    new Parser(expression).parse();
    return undefined;
  } catch (cause) {
    if (cause instanceof NotRe2) return cause.message;
    throw cause;
  }
}

/** Follows Go's regexp/syntax, which Istio asks; its repetition limits are RE2's. */
class Parser {
  readonly #chars: readonly string[];
  #at = 0;

  constructor(expression: string) {
    this.#chars = Array.from(expression);
  }

  parse(): void {
    const { size } = this.#alternatives();
    if (this.#at < this.#chars.length) throw new NotRe2('has a ) without its (');
    if (size > MOST_STEPS) throw new NotRe2(`compiles to some ${size} steps, of which Envoy takes ${MOST_STEPS}`);
  }

  get #next(): string | undefined {
    return this.#chars[this.#at];
  }

  #take(text: string): boolean {
    if (!this.#sees(text)) return false;
    this.#at += text.length;
    return true;
  }

  #sees(text: string): boolean {
    return this.#chars.slice(this.#at, this.#at + text.length).join('') === text;
  }

  #alternatives(): Part {
    let [repeats, size] = [1, 0];
    for (;;) {
      const part = this.#sequence();
      repeats = Math.max(repeats, part.repeats);
      size += part.size + 1;
      if (!this.#take('|')) return { repeats, size };
    }
  }

  #sequence(): Part {
    let [repeats, size] = [1, 0];
    let item: Part | undefined; // what a repetition would repeat
    let wasRepeated = false;
    while (this.#next !== undefined && this.#next !== '|' && this.#next !== ')') {
      const times = this.#repetition();
      if (times === undefined) {
        const next = this.#item(item);
        if (next !== item) size += next?.size ?? 0;
        item = next;
        wasRepeated = false;
      } else {
        if (item === undefined) throw new NotRe2('repeats nothing');
        if (wasRepeated) throw new NotRe2('repeats a repetition: possessive quantifiers and the like are not known');
        wasRepeated = true;
        const copies = Math.max(1, times);
        size += item.size * (copies - 1) + 1;
        item = { repeats: item.repeats * copies, size: item.size * copies + 1 };
        if (item.repeats > MOST_REPEATS) throw new NotRe2(`repeats more than ${MOST_REPEATS} times`);
      }
      repeats = Math.max(repeats, item?.repeats ?? 1);
    }
    return { repeats, size };
  }

  /** How many copies a repetition makes; undefined: there is none here. */
  #repetition(): number | undefined {
    let times: number | undefined;
    if (this.#next === '*' || this.#next === '+' || this.#next === '?') {
      this.#at += 1;
      times = 1;
    } else if (this.#next === '{') {
      const [whole, low = '', comma, high = ''] =
        /^\{(\d+)(,?)(\d*)\}/.exec(this.#chars.slice(this.#at, this.#at + 30).join('')) ?? [];
      if (whole === undefined || (comma === '' && high !== '') || /^0\d/.test(low) || /^0\d/.test(high)) return undefined; // an ordinary brace
      this.#at += whole.length;
      const most = high === '' ? Number(low) : Number(high);
      if (Number(low) > MOST_REPEATS || most > MOST_REPEATS) throw new NotRe2(`repeats more than ${MOST_REPEATS} times`);
      if (most < Number(low)) throw new NotRe2('repeats at least more often than at most');
      times = most;
    } else return undefined;
    this.#take('?');
    return times;
  }

  /** Undefined: nothing that could be repeated, such as a change of flags. */
  #item(before: Part | undefined): Part | undefined {
    const char = this.#chars[this.#at] as string;
    if (char === '(') return this.#group(before);
    if (char === '[') return { repeats: 1, size: this.#charClass() };
    if (char === '\\') return this.#escapeOrQuote(before);
    this.#at += 1;
    return { repeats: 1, size: char === '.' ? STEPS.named : Buffer.byteLength(char) };
  }

  #group(before: Part | undefined): Part | undefined {
    this.#at += 1;
    if (this.#take('?')) {
      if (this.#take('P<') || (this.#next === '<' && !['=', '!'].includes(this.#chars[this.#at + 1] ?? '') && this.#take('<')))
        this.#name();
      else if (!this.#flags()) return before;
    }
    const inside = this.#alternatives();
    if (!this.#take(')')) throw new NotRe2('has a ( without its )');
    return { repeats: inside.repeats, size: inside.size + 2 };
  }

  #name(): void {
    let name = '';
    while (this.#next !== undefined && this.#next !== '>') {
      name += this.#next;
      this.#at += 1;
    }
    if (!this.#take('>') || !/^\w+$/.test(name)) throw new NotRe2('has a group whose name is empty or odd');
  }

  /** True where a group follows, false where only flags were set. */
  #flags(): boolean {
    const [whole = '', , minus = '', end = ''] =
      /^([imsU]*)(-?[imsU]*)([:)])/.exec(this.#chars.slice(this.#at, this.#at + 40).join('')) ?? [];
    if (whole === '' || minus === '-')
      throw new NotRe2('has a (? that RE2 does not know: there is no look-ahead, look-behind or atomic group');
    this.#at += whole.length;
    return end === ':';
  }

  /** Gives how many steps it comes to, at most. */
  #charClass(): number {
    this.#at += 1;
    let others = this.#take('^') ? STEPS.beyondAscii : 1;
    const ascii = new Set<number>();
    for (let first = true; first || this.#next !== ']'; first = false) {
      if (this.#next === undefined) throw new NotRe2('has a [ without its ]');
      const isOfUnicode = this.#sees('\\p') || this.#sees('\\P');
      if (this.#sees('[:') && this.#posixClass()) others += STEPS.named;
      else {
        const range = this.#classRange();
        if (range === undefined) others += isOfUnicode ? STEPS.ofUnicode : STEPS.named;
        else if (range[1] > 127) others += STEPS.beyondAscii;
        else for (let char = range[0]; char <= range[1]; char += 1) ascii.add(char);
      }
    }
    this.#at += 1;
    const runs = [...ascii].filter((char) => !ascii.has(char - 1)).length;
    return runs + others;
  }

  /** First and last character; undefined: `\d`, `\pL`. */
  #classRange(): readonly [number, number] | undefined {
    const low = this.#classChar();
    if (low === undefined) return undefined;
    const afterDash = this.#chars[this.#at + 1];
    if (this.#next !== '-' || afterDash === undefined || afterDash === ']') return [low, low];
    this.#at += 1;
    const high = this.#classChar();
    if (high === undefined || high < low) throw new NotRe2('has a range of characters that is none');
    return [low, high];
  }

  #posixClass(): boolean {
    const end = this.#chars.indexOf(':', this.#at + 2);
    if (end < 0 || this.#chars[end + 1] !== ']') return false;
    const name = this.#chars
      .slice(this.#at + 2, end)
      .join('')
      .replace(/^\^/, '');
    if (!isPosixClass(name)) throw new NotRe2(`has the class [:${name}:], which is none`);
    this.#at = end + 2;
    return true;
  }

  /** Code point of one character of a class; undefined for a class within it. */
  #classChar(): number | undefined {
    const char = this.#chars[this.#at];
    if (char === undefined) throw new NotRe2('has a [ without its ]');
    if (char !== '\\') {
      this.#at += 1;
      return char.codePointAt(0);
    }
    const next = this.#chars[this.#at + 1];
    if (next !== undefined && 'dDsSwW'.includes(next)) {
      this.#at += 2;
      return undefined;
    }
    if (next === 'p' || next === 'P') return this.#unicodeClass();
    return this.#escape();
  }

  #escapeOrQuote(before: Part | undefined): Part | undefined {
    const next = this.#chars[this.#at + 1];
    if (next === 'Q') {
      const from = this.#at + 2;
      const rest = this.#chars.slice(from).join('');
      const quoted = rest.split('\\E')[0] ?? '';
      this.#at = Math.min(this.#chars.length, from + Array.from(quoted).length + 2);
      return quoted === '' ? before : { repeats: 1, size: Buffer.byteLength(quoted) };
    }
    if (next === 'E') {
      this.#at += 2;
      return before;
    }
    if (next === 'p' || next === 'P') {
      this.#unicodeClass();
      return { repeats: 1, size: STEPS.ofUnicode };
    }
    if (next !== undefined && 'dDsSwWAbBz'.includes(next)) {
      this.#at += 2;
      return { repeats: 1, size: STEPS.named };
    }
    this.#escape();
    return { repeats: 1, size: 2 };
  }

  #unicodeClass(): undefined {
    const rest = this.#chars.slice(this.#at + 2, this.#at + 60).join('');
    const [whole = '', braced, single = ''] = /^(?:\{\^?([^}]*)\}|([A-Za-z]))/.exec(rest) ?? [];
    const name = braced ?? single;
    if (whole === '' || !isUnicodeClass(name)) throw new NotRe2(`has \\p{${name}}, which is no class of Unicode`);
    this.#at += 2 + whole.length;
    return undefined;
  }

  #escape(): number {
    const rest = this.#chars.slice(this.#at + 1, this.#at + 12).join('');
    const [code = '', hex, longHex, octal] =
      /^(?:x([0-9A-Fa-f]{2})|x\{([0-9A-Fa-f]+)\}|(0[0-7]{0,2}|[1-7][0-7]{1,2}))/.exec(rest) ?? [];
    if (code !== '') {
      const value = octal === undefined ? Number.parseInt(hex ?? longHex ?? '', 16) : Number.parseInt(octal, 8);
      if (value > 0x10_ff_ff) throw new NotRe2(`has \\x{${longHex}}, which is no character`);
      if (value > 0xff) throw new NotRe2(`has \\x{${longHex}}: Envoy 1.40 matches bytes, and takes \\x{FF} at most`);
      this.#at += 1 + code.length;
      return value;
    }
    const char = Array.from(rest)[0];
    if (char === undefined) throw new NotRe2('ends in a backslash');
    if (/[1-9]/.test(char)) throw new NotRe2(`has \\${char}: RE2 has no references to groups`);
    const named = { a: 7, f: 12, t: 9, n: 10, r: 13, v: 11 }[char];
    if (named === undefined && (/[0-9A-Za-z]/.test(char) || (char.codePointAt(0) ?? 0) > 127))
      throw new NotRe2(`has \\${char}, which RE2 does not know`);
    this.#at += 2;
    return named ?? char.codePointAt(0) ?? 0;
  }
}
