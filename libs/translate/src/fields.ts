import { roomForKept } from './kept-bytes.ts';

// Serialised protobuf messages may be concatenated: that is how a message is extended without decoding it.

/** Several serialised parts of one message as one. */
export function joinParts(parts: readonly Uint8Array[]): Uint8Array {
  let size = 0;
  for (const part of parts) size += part.length;
  const joined = roomForKept(size);
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

/** Tag and length in front of an embedded message's bytes, for a field number below 16. */
export function fieldHeader(field: number, length: number): Uint8Array {
  const header = [(field << 3) | 2];
  let rest = length;
  while (rest > 0x7f) {
    header.push((rest & 0x7f) | 0x80);
    rest >>>= 7;
  }
  header.push(rest);
  return Uint8Array.from(header);
}
