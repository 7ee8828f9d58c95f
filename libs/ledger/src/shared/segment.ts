import { promisify } from 'node:util';
import { crc32, gunzip, gzip } from 'node:zlib';
import { IsthmusError, ownTurn } from '@isthmus/model';

/**
 * A table is kept in this many segments, so that a change writes a 64th of it: 10,000 addresses are 64 blobs of 3 kB,
 * the last known good of 100,000 endpoints 64 of 10 kB.
 */
const BUCKETS = 64;
/** Of one segment, when unpacked. */
const MOST_SEGMENT_BYTES = 256 * 1024 * 1024;

const pack = promisify(gzip);
const unpack = promisify(gunzip);

export type SegmentName = `${string}/${number}`;

export function segmentOf(table: string, key: string): SegmentName {
  return `${table}/${crc32(key) % BUCKETS}`;
}

export function tableOf(segment: string): string {
  return segment.slice(0, segment.indexOf('/'));
}

/** Blobs of at most `most` bytes. Sorted by key, so that equal content is equal bytes; gzip brings a checksum. */
export async function encodeSegment(content: ReadonlyMap<string, unknown>, most: number): Promise<readonly Uint8Array[]> {
  await ownTurn(); // of 100,000 endpoints each segment is 3 ms of JSON
  const sorted = [...content].sort(([a], [b]) => (a < b ? -1 : 1));
  const bytes = await pack(Buffer.from(JSON.stringify(sorted)), { level: 6 });
  const parts: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += most) parts.push(bytes.subarray(at, at + most));
  return parts;
}

/** @throws IsthmusError `ledger.unreadable` for anything but what `encodeSegment` made. */
export async function decodeSegment(parts: readonly Uint8Array[], where: string): Promise<ReadonlyMap<string, unknown>> {
  let entries: unknown;
  try {
    const bytes = await unpack(Buffer.concat(parts), { maxOutputLength: MOST_SEGMENT_BYTES });
    await ownTurn();
    entries = JSON.parse(bytes.toString('utf8'));
  } catch (cause) {
    throw damaged(where, cause);
  }
  const well = Array.isArray(entries) && entries.every((e) => Array.isArray(e) && e.length === 2 && typeof e[0] === 'string');
  if (!well) throw damaged(where, undefined);
  return new Map(entries as [string, unknown][]);
}

function damaged(where: string, cause: unknown): IsthmusError {
  return new IsthmusError('ledger.unreadable', 'a part of the shared ledger is damaged', {
    where,
    meaning: 'this replica keeps what it knew',
    remedy: 'restore the store; or remove the prefix there: the replica that leads then writes all that it knows again',
    cause,
  });
}
