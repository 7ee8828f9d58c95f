/** Shares have steps of a hundredth of a percent. */
export const BUCKETS = 10_000;

/** A call's place in 0…9999: the same for the same salt and key in every process, on every machine and in every version. */
export function bucketOf(salt: number, key: string): number {
  let hash = salt >>> 0;
  for (let at = 0; at < key.length; at += 1) hash = Math.imul(hash ^ key.charCodeAt(at), 0x01000193); // FNV-1a
  return mixed(hash) % BUCKETS;
}

/**
 * The place of the n-th call that has no key: Weyl's sequence of the golden ratio, so that every run of calls is spread over the
 * places evenly (after n calls no share is off by more than about log n).
 */
export function bucketOfCall(salt: number, count: number): number {
  const place = (mixed(salt) + Math.imul(count, 0x9e3779b1)) >>> 0;
  return Math.floor((place / 2 ** 32) * BUCKETS);
}

/** A salt of a target, so that a caller who is first in one migration is not first in all. */
export function saltOf(name: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < name.length; at += 1) hash = Math.imul(hash ^ name.charCodeAt(at), 0x01000193);
  return hash >>> 0;
}

/** Whether a place is in a share; one that is stays in every larger share. @param percent 0–100 */
export function isInShare(bucket: number, percent: number): boolean {
  return bucket < (percent * BUCKETS) / 100;
}

/** MurmurHash3's finaliser: FNV alone leaves short keys close together. */
function mixed(hash: number): number {
  let h = hash >>> 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
