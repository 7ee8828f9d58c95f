import type { Registration } from './registration.ts';

/** Instances that one process registers; beyond, the oldest is forgotten. */
const MOST = 256;

type BookListener = (event: 'added' | 'removed', id: string) => void;

/** What this process has registered, as its wrapped clients saw it. */
export class RegistrationBook {
  readonly #registrations = new Map<string, Registration>();
  readonly #listeners = new Set<BookListener>();

  readonly #begun = new Set<Promise<void>>();

  /** A client has begun to register something: `add` follows when its registry has answered. */
  begin(work: unknown): void {
    const ended = (): void => void this.#begun.delete(settled);
    const settled: Promise<void> = Promise.resolve(work).then(ended, ended);
    // One that is never answered (npm `consul`, whose answer broke off) is waited for in vain, once.
    for (const oldest of this.#begun) if (this.#begun.size >= MOST) this.#begun.delete(oldest);
    this.#begun.add(settled);
  }

  /** Resolves when all of that is known; undefined: there is nothing. */
  begun(): Promise<unknown> | undefined {
    return this.#begun.size === 0 ? undefined : Promise.all(this.#begun);
  }

  add(registration: Registration): void {
    this.#registrations.delete(registration.id);
    this.#registrations.set(registration.id, registration);
    this.#tell('added', registration.id);
    for (const id of this.#registrations.keys()) {
      if (this.#registrations.size <= MOST) return;
      this.#registrations.delete(id);
    }
  }

  remove(id: string): void {
    this.#registrations.delete(id);
    this.#tell('removed', id);
  }

  /** Told after each change. @returns ends it */
  follow(listener: BookListener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  #tell(event: 'added' | 'removed', id: string): void {
    for (const listener of this.#listeners) listener(event, id);
  }

  list(): readonly Registration[] {
    return [...this.#registrations.values()];
  }
}

const KEY = Symbol.for('isthmus.agent.registrations');

type WithBook = typeof globalThis & { [KEY]?: RegistrationBook };

/** The book of this process, one for all copies of the package. */
export function processRegistrations(): RegistrationBook {
  const shared = globalThis as WithBook;
  const existing = shared[KEY];
  if (existing !== undefined) return existing;
  const made = new RegistrationBook();
  Object.defineProperty(globalThis, KEY, { value: made, configurable: true });
  return made;
}
