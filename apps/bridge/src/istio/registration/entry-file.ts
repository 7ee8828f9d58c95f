import type { IstioFile } from '@isthmus/policy';
import type { IstioObject } from '@isthmus/proto/istio';
import { registeredEntry } from './registered-entry.ts';
import type { Registration } from './registration.ts';
import { isSame } from './row.ts';
import type { Row } from './row.ts';

export type Entry = IstioObject<'WorkloadEntry'>;

/** After all files, so that an entry that somebody has written is the one in force. */
const PLACE = '~proxy ';

/** Where the store has the entry of a registration. */
export function placeOf(key: string): string {
  return `${PLACE}${key}`;
}

/** Of which registration a place is. */
export function keyOfPlace(place: string): string {
  return place.slice(PLACE.length);
}

export function fileOf(entry: Entry): IstioFile {
  return { objects: [entry], problems: [], refused: [], readable: true };
}

/** Until the replicas have what it says now, it is as they have it. @param row theirs */
export function fileOfRow(row: Row | undefined, { claim, made }: Registration, entry: Entry): IstioFile | undefined {
  if (row?.well !== true) return undefined;
  if (isSame(row.claim, claim) || made === undefined) return fileOf(entry);
  const before = registeredEntry(row.claim, made.group);
  return 'entry' in before ? fileOf(before.entry) : undefined;
}
