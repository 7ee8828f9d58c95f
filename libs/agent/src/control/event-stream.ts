/** One server-sent event. */
export interface StreamEvent {
  readonly event: string;
  readonly data: string;
  /** Absent where the event has none of its own. */
  readonly id?: string;
}

/** A plan of 10,000 targets has some megabytes; a longer line or event is something else. */
const LONGEST_EVENT = 8 * 1024 * 1024;

/** The stream is no stream of events that could be meant. */
export class StreamTooLong extends Error {
  constructor(bytes: number) {
    super(`an event has more than ${bytes} bytes`);
    this.name = 'StreamTooLong';
  }
}

const NEWLINE = 0x0a;

/** Takes a stream of server-sent events apart (WHATWG HTML, section 9.2.6), whatever pieces it comes in. Lines end in LF or CRLF. */
export class EventStream {
  readonly #longest: number;
  #line: Buffer[] = [];
  #data: string[] = [];
  #bytes = 0;
  #event = '';
  #id: string | undefined;

  constructor(longest = LONGEST_EVENT) {
    this.#longest = longest;
  }

  /** @throws {StreamTooLong} and whatever `take` throws */
  push(chunk: Buffer, take: (event: StreamEvent) => void): void {
    let from = 0;
    for (let at = chunk.indexOf(NEWLINE); at !== -1; at = chunk.indexOf(NEWLINE, from)) {
      this.#keep(chunk.subarray(from, at));
      from = at + 1;
      const line = (this.#line.length === 1 ? (this.#line[0] as Buffer) : Buffer.concat(this.#line)).toString('utf8');
      this.#line = [];
      this.#read(line.endsWith('\r') ? line.slice(0, -1) : line, take);
    }
    if (from < chunk.length) this.#keep(chunk.subarray(from));
  }

  #keep(piece: Buffer): void {
    this.#bytes += piece.length;
    if (this.#bytes > this.#longest) throw new StreamTooLong(this.#longest);
    this.#line.push(piece);
  }

  #read(line: string, take: (event: StreamEvent) => void): void {
    if (line === '') {
      const event = { event: this.#event, data: this.#data.join('\n'), ...(this.#id === undefined ? {} : { id: this.#id }) };
      const whole = this.#data.length > 0;
      this.#data = [];
      this.#bytes = 0;
      this.#event = '';
      this.#id = undefined;
      if (whole) take(event);
      return;
    }
    const colon = line.indexOf(':');
    if (colon === 0) {
      if (this.#data.length === 0) this.#bytes = 0; // a comment, as the bridge sends them while nothing happens
      return;
    }
    const field = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? '' : line.slice(line[colon + 1] === ' ' ? colon + 2 : colon + 1);
    if (field === 'data') this.#data.push(value);
    else if (field === 'event') this.#event = value;
    else if (field === 'id' && !value.includes('\0')) this.#id = value;
  }
}
