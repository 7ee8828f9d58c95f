import { open } from 'node:fs/promises';
import { MOST_CONFIG_BYTES } from './yaml-file.ts';

/** One byte more than allowed is enough to know, whatever the file's size (a pipe or /dev/zero has none). */
export async function readBounded(path: string, mostBytes = MOST_CONFIG_BYTES): Promise<Uint8Array> {
  await using file = await open(path);
  const buffer = Buffer.alloc(mostBytes + 1);
  let length = 0;
  while (length < buffer.length) {
    const { bytesRead } = await file.read(buffer, length, buffer.length - length);
    if (bytesRead === 0) break;
    length += bytesRead;
  }
  return buffer.subarray(0, length);
}
