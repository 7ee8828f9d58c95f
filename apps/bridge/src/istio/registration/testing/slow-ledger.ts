import { MemoryLedger } from '@isthmus/ledger';

/** As the store of the replicas (`SharedLedger`), on the one that leads: what is wished counts when it is written. */
export class SlowLedger extends MemoryLedger {
  readonly #wished = new Map<string, { readonly value: unknown }>();

  get isWritten(): boolean {
    return this.#wished.size === 0;
  }

  override put(_: 'registered', key: string, value: unknown): void {
    this.#wish(key, value);
  }

  override delete(_: 'registered', key: string): void {
    this.#wish(key, undefined);
  }

  /** @param meanwhile while the write is under way */
  write(book: { readonly written: (key: string) => void }, meanwhile: () => void = () => undefined): void {
    const batch = [...this.#wished];
    meanwhile();
    for (const [key, wish] of batch) if (this.#wished.get(key) === wish) this.#wished.delete(key);
    for (const [key, { value }] of batch) {
      if (value === undefined) super.delete('registered', key);
      else super.put('registered', key, value);
    }
    for (const [key] of batch) book.written(key);
  }

  #wish(key: string, value: unknown): void {
    if (this.#wished.has(key) || JSON.stringify(this.get('registered', key)) !== JSON.stringify(value))
      this.#wished.set(key, { value });
  }
}
