/** Sightings in one piece of memory. */
const PIECE = 8_192;

/**
 * Which weight of which service a stream was told, and when: tens of thousands a second for a minute. Numbers outside V8's heap,
 * since objects for them had the measuring process collect garbage for a twentieth of the time (16 times in 70 s, 0.15 to 0.2 s each), in the way of what it measures.
 */
export class Sightings {
  readonly #pieces: Float64Array[] = [];
  #length = 0;

  /** @param at ms */
  add(service: number, weight: number, at: number): void {
    const place = this.#length % PIECE;
    if (place === 0) this.#pieces.push(new Float64Array(3 * PIECE));
    this.#pieces.at(-1)?.set([service, weight, at], 3 * place);
    this.#length += 1;
  }

  /** `[weight, at]` of each service in the order in which they came. */
  byService(): ReadonlyMap<number, readonly (readonly [weight: number, at: number])[]> {
    const found = new Map<number, [number, number][]>();
    for (let n = 0; n < this.#length; n += 1) {
      const piece = this.#pieces[Math.floor(n / PIECE)];
      const [service = 0, weight = 0, at = 0] = piece?.subarray(3 * (n % PIECE), 3 * (n % PIECE) + 3) ?? [];
      const list = found.get(service);
      if (list === undefined) found.set(service, [[weight, at]]);
      else list.push([weight, at]);
    }
    return found;
  }
}
