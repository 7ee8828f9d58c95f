/**
 * What has to be done again after a fixed time: leases to renew, names to look at. Entries of one period wait in the order
 * in which they were put, so the next due ones are found without looking at the others.
 */
export class LeaseQueue<Item> {
  readonly #lanes = new Map<number, Map<string, { readonly item: Item; readonly dueAt: number }>>();
  readonly #laneOf = new Map<string, number>();

  get size(): number {
    return this.#laneOf.size;
  }

  /** Due `periodMs` from `now`; replaces what waits under the key. */
  put(key: string, item: Item, periodMs: number, now: number): void {
    this.delete(key);
    const lane = this.#lanes.get(periodMs) ?? new Map<string, { readonly item: Item; readonly dueAt: number }>();
    this.#lanes.set(periodMs, lane.set(key, { item, dueAt: now + periodMs }));
    this.#laneOf.set(key, periodMs);
  }

  delete(key: string): void {
    const period = this.#laneOf.get(key);
    if (period === undefined) return;
    this.#laneOf.delete(key);
    const lane = this.#lanes.get(period);
    lane?.delete(key);
    if (lane?.size === 0) this.#lanes.delete(period);
  }

  /** The keys that are due, at most `most`; they stay until they are put anew or deleted. */
  due(now: number, most: number): readonly { readonly key: string; readonly item: Item }[] {
    const found: { readonly key: string; readonly item: Item }[] = [];
    for (const lane of this.#lanes.values()) {
      for (const [key, { item, dueAt }] of lane) {
        if (dueAt > now || found.length >= most) break;
        found.push({ key, item });
      }
    }
    return found;
  }

  /** When the next one is due; Infinity when nothing waits. */
  nextDue(): number {
    let next = Number.POSITIVE_INFINITY;
    for (const lane of this.#lanes.values()) {
      const first = lane.values().next();
      if (first.done !== true) next = Math.min(next, first.value.dueAt);
    }
    return next;
  }
}
