import { PREFIX_BYTES } from './message-reader.ts';

/** Below this a copy is cheaper than another chunk on its way through Node's streams. */
const COPIED_BYTES = 8 * 1024;

/** A message with its gRPC prefix, in as few chunks as pay; large parts stay the buffers that they are. */
export function framed(parts: readonly Buffer[]): readonly Buffer[] {
  let length = 0;
  for (const part of parts) length += part.length;
  const small = length <= COPIED_BYTES;
  const head = Buffer.allocUnsafe(PREFIX_BYTES + (small ? length : (parts[0]?.length ?? 0)));
  head[0] = 0;
  head.writeUInt32BE(length, 1);
  let at = PREFIX_BYTES;
  for (const part of small ? parts : parts.slice(0, 1)) {
    head.set(part, at);
    at += part.length;
  }
  return small ? [head] : [head, ...parts.slice(1)];
}
