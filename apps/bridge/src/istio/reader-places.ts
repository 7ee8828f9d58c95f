import type { IstioConfigStore, IstioFile } from '@isthmus/policy';
import type { Diagnostic } from '@isthmus/model';

/** What a reader of Istio's objects tells the store. */
export type RulesStore = Pick<IstioConfigStore, 'set' | 'setAll' | 'setOwnDiagnostics' | 'settled'>;

/**
 * The part of the store that one reader has. Where it follows another one, because the config names another directory or cluster now,
 * what that one had stays in force until this one has read everything: a mistyped name takes nothing away.
 */
export class ReaderPlaces implements RulesStore {
  readonly #store: RulesStore;
  readonly #places = new Set<string>();
  /** Of the readers before. */
  readonly #left: Set<string>;
  #isLoaded = false;
  #hasTrouble = false;
  #isClosed = false;

  constructor(store: RulesStore, before?: ReaderPlaces) {
    this.#store = store;
    this.#left = before?.close() ?? new Set();
  }

  set(place: string, file: IstioFile | undefined): void {
    void this.setAll([[place, file]]);
  }

  setAll(files: Iterable<readonly [place: string, file: IstioFile | undefined]>): Promise<void> {
    if (this.#isClosed) return Promise.resolve();
    const all = [...files];
    for (const [place, file] of all) {
      this.#left.delete(place);
      if (file === undefined) this.#places.delete(place);
      else this.#places.add(place);
    }
    return this.#store.setAll(all);
  }

  /** None: it can be read. */
  setOwnDiagnostics(diagnostics: readonly Diagnostic[]): void {
    if (this.#isClosed) return;
    this.#hasTrouble = diagnostics.length > 0;
    this.#store.setOwnDiagnostics(diagnostics);
    this.#retire();
  }

  get settled(): Promise<void> {
    return this.#store.settled;
  }

  /** All has been read once, or it is known that it cannot be. */
  loaded(): void {
    this.#isLoaded = true;
    this.#retire();
  }

  /** Another reader follows: nothing that this one still says counts. @returns what it leaves */
  close(): Set<string> {
    this.#isClosed = true;
    return new Set([...this.#left, ...this.#places]);
  }

  #retire(): void {
    if (this.#isClosed || !this.#isLoaded || this.#hasTrouble || this.#left.size === 0) return;
    const gone = [...this.#left];
    this.#left.clear();
    void this.#store.setAll(gone.map((place) => [place, undefined] as const));
  }
}
