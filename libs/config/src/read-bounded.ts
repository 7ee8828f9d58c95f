import { open } from 'node:fs/promises';
import { MOST_CONFIG_BYTES } from './yaml-file.ts';

const CHUNK_BYTES = 64 * 1024;

/** A little more than allowed is enough to know, whatever the file's size (a pipe or /dev/zero has none). */
export async function readBounded(path: string, mostBytes = MOST_CONFIG_BYTES): Promise<Uint8Array> {
  await using file = await open(path);
  const chunks: Buffer[] = [];
  for (let length = 0; length <= mostBytes;) {
    const { buffer, bytesRead } = await file.read({ buffer: Buffer.alloc(CHUNK_BYTES) });
    if (bytesRead === 0) break;
    chunks.push(buffer.subarray(0, bytesRead));
    length += bytesRead;
  }
  return Buffer.concat(chunks);
}
