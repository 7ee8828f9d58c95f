import type { TypeUrl } from '@isthmus/model';
import { PushOrder } from './push-order.ts';
import type { TypeStream } from './type-stream.ts';

/** A stream, as its siblings know it. */
interface Sibling {
  /** Something that it may have waited for has happened. */
  wake(): void;
}

/**
 * The streams of one client: one for all types (ADS), or several with one type each, for endpoints and routes even one for
 * each name. They are put in order together, so that an Envoy without ADS sees clusters before routes too.
 */
export class StreamFamily {
  readonly order = new PushOrder((type) => this.of(type));
  readonly #types = new Map<TypeUrl, Set<TypeStream>>();
  readonly #siblings = new Set<Sibling>();
  readonly #onEmpty: () => void;

  constructor(onEmpty: () => void) {
    this.#onEmpty = onEmpty;
  }

  /** Of all its streams. */
  of(type: TypeUrl): Iterable<TypeStream> {
    return this.#types.get(type) ?? [];
  }

  join(sibling: Sibling): void {
    this.#siblings.add(sibling);
  }

  add(stream: TypeStream): void {
    const streams = this.#types.get(stream.type);
    if (streams === undefined) this.#types.set(stream.type, new Set([stream]));
    else streams.add(stream);
  }

  remove(stream: TypeStream): void {
    this.#types.get(stream.type)?.delete(stream);
  }

  leave(sibling: Sibling, types: Iterable<TypeStream>): void {
    this.#siblings.delete(sibling);
    for (const stream of types) this.remove(stream);
    if (this.#siblings.size === 0) this.#onEmpty();
    else this.wakeOthers(sibling);
  }

  /** @returns ms after which to try again */
  dropLeftovers(asking: Sibling, now: number): number | undefined {
    const result = this.order.dropLeftovers(now);
    if (result === 'dropped') this.wakeOthers(asking);
    return typeof result === 'number' ? result : undefined;
  }

  wakeOthers(than: Sibling): void {
    if (this.#siblings.size === 1) return;
    for (const sibling of this.#siblings) if (sibling !== than) sibling.wake();
  }
}
