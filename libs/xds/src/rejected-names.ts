import type { Resource } from '@isthmus/model';
import type { Push } from './push.ts';

/** More are not kept: the message names a few, and a list of thousands helps nobody. */
const MOST_KEPT = 1_000;

/**
 * The resources that a client has rejected and we have not replaced yet. An ACK of something else does not heal them: the
 * client goes on with what it had of those.
 */
export class RejectedNames {
  readonly #names = new Set<string>();
  /** A rejection whose message names nothing that was sent. */
  #unnamed = false;

  get any(): boolean {
    return this.#unnamed || this.#names.size > 0;
  }

  get names(): readonly string[] {
    return [...this.#names];
  }

  /** It may be one of those that a message does not name. */
  mayBe(name: string): boolean {
    return this.#unnamed || this.#names.has(name);
  }

  /**
   * @param sent what the rejected response had, as it is now
   * @returns what it had besides, if the message tells one from the other
   */
  rejected(sent: SentNames, message: string): readonly string[] {
    const all = sent.names();
    // Envoy takes the good ones of a response and lists the others: "Error adding/updating listener(s) x: ..., y: ...".
    const listed = new Set(all.length === 1 ? all : all.filter((name) => name !== '' && message.includes(name)));
    for (const name of [...listed].slice(0, MOST_KEPT - this.#names.size)) this.#names.add(name);
    if (listed.size > 0) return all.filter((name) => !listed.has(name));
    this.#unnamed = true;
    return [];
  }

  acknowledged(sent: SentNames): void {
    this.#unnamed = false;
    if (this.#names.size === 0) return;
    if (sent.whole) this.#names.clear();
    else for (const name of sent.names()) this.#names.delete(name);
  }

  forget(name: string): void {
    this.#names.delete(name);
  }
}

/** The names in a response; for most they are never looked at. */
export interface SentNames {
  /** What the client has of the type is just this. */
  readonly whole: boolean;
  names(): readonly string[];
}

export function sentNames(push: Push, whole: boolean, view: ReadonlyMap<string, Resource>): SentNames {
  return {
    whole,
    names: () => [...(push.everything ? view.keys() : []), ...push.resources.map(({ name }) => name), ...push.removed],
  };
}
