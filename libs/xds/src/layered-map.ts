import type { Resource } from '@isthmus/model';

const NONE: ReadonlySet<string> = new Set();

/** Two maps read as one; the upper one hides the lower one's entries, and so does a list of names. */
export class LayeredMap implements ReadonlyMap<string, Resource> {
  readonly upper: ReadonlyMap<string, Resource>;
  readonly lower: ReadonlyMap<string, Resource>;
  /** Of what the lower map has. */
  readonly lowerVersion: string;
  readonly #hidden: ReadonlySet<string>;

  /** @param hidden names of the lower map that are not to be seen, whether the upper has them or not */
  constructor(
    upper: ReadonlyMap<string, Resource>,
    lower: ReadonlyMap<string, Resource>,
    lowerVersion: string,
    hidden: ReadonlySet<string> = NONE,
  ) {
    this.#hidden = hidden;
    this.upper = upper;
    this.lower = lower;
    this.lowerVersion = lowerVersion;
  }

  /** Something of the lower map is not to be seen. */
  get hides(): boolean {
    for (const name of this.upper.keys()) if (this.lower.has(name)) return true;
    for (const name of this.#hidden) if (this.lower.has(name)) return true;
    return false;
  }

  get size(): number {
    let size = this.lower.size;
    for (const name of this.upper.keys()) if (!this.lower.has(name)) size += 1;
    for (const name of this.#hidden) if (this.lower.has(name) && !this.upper.has(name)) size -= 1;
    return size;
  }

  get(name: string): Resource | undefined {
    return this.upper.get(name) ?? (this.#hidden.has(name) ? undefined : this.lower.get(name));
  }

  has(name: string): boolean {
    return this.get(name) !== undefined;
  }

  forEach(visit: (value: Resource, key: string, map: ReadonlyMap<string, Resource>) => void): void {
    for (const [name, resource] of this) visit(resource, name, this);
  }

  *entries(): MapIterator<[string, Resource]> {
    yield* this.upper.entries();
    for (const entry of this.lower) if (!this.upper.has(entry[0]) && !this.#hidden.has(entry[0])) yield entry;
  }

  *keys(): MapIterator<string> {
    for (const [name] of this) yield name;
  }

  *values(): MapIterator<Resource> {
    for (const [, resource] of this) yield resource;
  }

  [Symbol.iterator](): MapIterator<[string, Resource]> {
    return this.entries();
  }
}
