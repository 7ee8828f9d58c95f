// V8 goes through the list of all ArrayBuffers in each full collection of the heap, 0.1 µs for each, in one turn of the event loop:
// 10,000 services had 60,000 (docs/facts.md, "Stalls"). Node's own pool would do, but short-lived messages would share it.

/** Bytes that share one ArrayBuffer. It lives as long as any of them: so little that what is changed again and again pins little. */
const SLAB_BYTES = 8 * 1024;
/** What is longer has its own. */
const MOST_BYTES = 2 * 1024;

let slab = new ArrayBuffer(SLAB_BYTES);
let used = 0;

/** Room, all zeros, for bytes that are kept for as long as a resource is served. */
export function roomForKept(size: number): Uint8Array {
  if (size > MOST_BYTES) return new Uint8Array(size);
  if (used + size > SLAB_BYTES) {
    slab = new ArrayBuffer(SLAB_BYTES);
    used = 0;
  }
  const room = new Uint8Array(slab, used, size);
  used += size;
  return room;
}

/** A copy of them. */
export function keptBytes(bytes: Uint8Array): Uint8Array {
  const kept = roomForKept(bytes.length);
  kept.set(bytes);
  return kept;
}
