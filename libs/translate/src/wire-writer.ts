import { keptBytes } from './kept-bytes.ts';

const LENGTH_DELIMITED = 2;
const encoder = new TextEncoder();

/**
 * Writes protobuf fields by hand into one buffer that is used again and again: for the messages that are made by the ten thousand,
 * where protobuf-es' objects and buffers cost most. Fields come in any order, as the wire format allows.
 */
export class WireWriter {
  #bytes = new Uint8Array(64 * 1024);
  #length = 0;

  /** Left out when empty: the default of proto3. */
  text(field: number, value: string): void {
    if (value !== '') this.anyText(field, value);
  }

  /** Also when empty: a member of a oneof. */
  anyText(field: number, value: string): void {
    const start = this.open(field);
    this.#reserve(value.length * 3);
    const bytes = this.#bytes;
    let at = this.#length;
    for (let n = 0; n < value.length; n++) {
      const code = value.charCodeAt(n);
      if (code > 0x7f) {
        at = this.#length + encoder.encodeInto(value, bytes.subarray(this.#length)).written;
        break;
      }
      bytes[at++] = code;
    }
    this.#length = at;
    this.close(start);
  }

  /** Unsigned, and no more than 32 bits. */
  number(field: number, value: number): void {
    this.#varint(field << 3);
    this.#varint(value);
  }

  /** Fields that are encoded already. */
  raw(fields: Uint8Array): void {
    this.#reserve(fields.length);
    this.#bytes.set(fields, this.#length);
    this.#length += fields.length;
  }

  /** Begins a message; its fields follow, then `close` with what this returned. */
  open(field: number): number {
    this.#varint((field << 3) | LENGTH_DELIMITED);
    this.#reserve(1);
    this.#length += 1;
    return this.#length;
  }

  /** @param further bytes that will stand behind what was written, and belong to the message too */
  close(start: number, further = 0): void {
    const size = this.#length - start;
    let extra = 0;
    for (let rest = (size + further) >>> 7; rest > 0; rest >>>= 7) extra += 1;
    if (extra > 0) {
      this.#reserve(extra);
      this.#bytes.copyWithin(start + extra, start, this.#length);
    }
    this.#length = start - 1;
    this.#varint(size + further);
    this.#length += size;
  }

  /** All that was written since the last time. */
  take(): Uint8Array {
    const taken = keptBytes(this.#bytes.subarray(0, this.#length));
    this.#length = 0;
    return taken;
  }

  #varint(value: number): void {
    this.#reserve(5);
    let rest = value >>> 0;
    while (rest > 0x7f) {
      this.#bytes[this.#length++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.#bytes[this.#length++] = rest;
  }

  #reserve(more: number): void {
    const needed = this.#length + more;
    if (needed <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
    larger.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = larger;
  }
}
