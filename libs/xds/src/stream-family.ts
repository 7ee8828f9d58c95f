import type { TypeUrl } from '@isthmus/model';
import { PushOrder } from './push-order.ts';
import type { TypeStream } from './type-stream.ts';

/** A stream, as its siblings know it. */
interface Sibling {
  /** Something that it may have waited for has happened. */
  wake(): void;
}

/**
 * The streams of one client: one for all types (ADS), or one for each type. They are put in order together, so that an
 * Envoy whose types come over separate streams of one connection sees clusters before routes too.
 */
export class StreamFamily {
  readonly order = new PushOrder();
  readonly #types = new Map<TypeUrl, TypeStream>();
  readonly #siblings = new Set<Sibling>();
  readonly #onEmpty: () => void;

  constructor(onEmpty: () => void) {
    this.#onEmpty = onEmpty;
  }

  /** Of all its streams; of a type on two streams the later one. */
  get types(): ReadonlyMap<TypeUrl, TypeStream> {
    return this.#types;
  }

  join(sibling: Sibling): void {
    this.#siblings.add(sibling);
  }

  add(stream: TypeStream): void {
    this.#types.set(stream.type, stream);
  }

  leave(sibling: Sibling, types: Iterable<TypeStream>): void {
    this.#siblings.delete(sibling);
    for (const stream of types) if (this.#types.get(stream.type) === stream) this.#types.delete(stream.type);
    if (this.#siblings.size === 0) this.#onEmpty();
    else this.wakeOthers(sibling);
  }

  /** @returns ms after which to try again */
  dropLeftovers(asking: Sibling, now: number): number | undefined {
    const result = this.order.dropLeftovers(this.#types, now);
    if (result === 'dropped') this.wakeOthers(asking);
    return typeof result === 'number' ? result : undefined;
  }

  wakeOthers(than: Sibling): void {
    for (const sibling of this.#siblings) if (sibling !== than) sibling.wake();
  }
}
